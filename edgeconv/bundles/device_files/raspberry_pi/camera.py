#!/usr/bin/env python3
"""Watches a camera and says, as JSON lines, whether what it shows may be seen.

``covered`` is true from the start, while the view is flagged, and whenever it could not be judged;
it turns false once as many frames as the smoothing looks at have been seen and are clear. A camera
that vanishes is opened again after growing pauses. The last line covers, whatever ended this.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from moderation.bundle import BundleError, open_bundle
from moderation.policy import Smoothing
from predict import Judge

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a lost camera is opened again; each further pause is twice the one before."""

LONGEST_WAIT = 5.0
"""Seconds that a camera may take for one frame."""

LONGEST_SILENCE = 10.0
"""Seconds between two lines while nothing changes."""


class CameraLost(Exception):
    """No frame could be had; the message says why."""


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        judge = Judge(open_bundle(), options.point, options.threads)
        watch(judge, Smoothing(options.n, options.k, options.release), options)
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def watch(judge: Judge, smoothing: Smoothing, options: argparse.Namespace) -> None:
    """Judge frames until interrupted; every gap counts as flagged frames."""
    speaker = _Speaker()
    speaker.say(covered=True, why="starting")
    try:
        _watch(judge, smoothing, options, speaker)
    finally:
        speaker.say(covered=True, why="stopped")


def _watch(
    judge: Judge, smoothing: Smoothing, options: argparse.Namespace, speaker: _Speaker
) -> NoReturn:
    pause = FIRST_PAUSE
    while True:
        try:
            with open_camera(options.camera) as frames:
                for frame in frames:
                    pause = FIRST_PAUSE
                    start = time.monotonic()
                    _judge_frame(judge, smoothing, frame, speaker)
                    time.sleep(max(0.0, options.interval - (time.monotonic() - start)))
        except CameraLost as error:
            for _ in range(smoothing.n):
                smoothing.see(None)
            speaker.say(covered=True, why=f"no camera: {error}", retry_in=pause)
            print(f"camera: {error}; trying again in {pause:.0f} s", file=sys.stderr, flush=True)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def open_camera(source: str | None) -> Iterator[Iterator[Any]]:
    """Frames as RGB Pillow images: by picamera2, or by OpenCV for a number, a path or an address.

    Raises:
        CameraLost: there is none, or it gives no more frames.
    """
    frames = _picamera2() if source is None and _has("picamera2") else _opencv(source or "0")
    try:
        yield frames
    finally:
        frames.close()


def _picamera2() -> Generator[Any, None, None]:
    from picamera2 import Picamera2  # type: ignore[import-not-found]
    from PIL import Image

    camera = None
    try:
        camera = Picamera2()
        # picamera2 names channels from the last byte to the first: this gives R, G, B.
        settings = {"format": "BGR888", "size": (640, 480)}
        camera.configure(camera.create_video_configuration(main=settings))
        camera.start()
        while True:
            # Without a time limit, picamera2 waits for an unplugged camera for ever.
            job = camera.capture_array("main", wait=False)
            yield Image.fromarray(camera.wait(job, timeout=LONGEST_WAIT))
    except (RuntimeError, OSError, IndexError, concurrent.futures.TimeoutError) as error:
        raise CameraLost(str(error) or "no frame in time") from error
    finally:
        if camera is not None:
            camera.close()


def _opencv(source: str) -> Generator[Any, None, None]:
    from PIL import Image

    if not _has("cv2"):
        raise BundleError("no picamera2 and no OpenCV: sudo apt install python3-picamera2")
    import cv2  # type: ignore[import-not-found]

    camera = cv2.VideoCapture(int(source) if source.isdigit() else source)
    try:
        # A long queue would show what was there seconds ago.
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        while True:
            there, frame = camera.read()
            if not there:
                raise CameraLost(f"{source} gives no frames")
            yield Image.fromarray(frame[..., ::-1].copy())
    finally:
        camera.release()


def _judge_frame(judge: Judge, smoothing: Smoothing, frame: Any, speaker: _Speaker) -> None:
    try:
        verdict = judge.of_image(frame)
    except (BundleError, ValueError, RuntimeError) as error:
        smoothing.see(None)
        speaker.say(covered=True, why=f"a frame could not be judged: {error}")
        return
    on = smoothing.see(verdict["flagged"])
    seen = {name: verdict[name] for name in ("label", "unsafe_score", "flagged")}
    why = "flagged" if on else "clear" if smoothing.full else "starting"
    speaker.say(covered=why != "clear", why=why, **seen)


def _has(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


class _Speaker:
    """Prints a line when ``covered`` or the reason changes, and now and then when neither does."""

    def __init__(self) -> None:
        self._last: tuple[bool, str] | None = None
        self._spoke = 0.0

    def say(self, *, covered: bool, why: str, **more: Any) -> None:
        silent = time.monotonic() - self._spoke
        if (covered, why) != self._last or silent >= LONGEST_SILENCE:
            print(json.dumps({"covered": covered, "why": why, **more}), flush=True)
            self._last, self._spoke = (covered, why), time.monotonic()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Watches a camera.")
    parser.add_argument("--camera", help="OpenCV's number, path or address; default: the Pi's own")
    parser.add_argument("--point", help="operating point of the contract, by name")
    parser.add_argument("--interval", type=float, default=0.25, help="seconds between frames")
    parser.add_argument("-n", type=int, default=8, help="frames looked back at")
    parser.add_argument("-k", type=int, default=4, help="flagged ones that cover")
    parser.add_argument("--release", type=int, default=1, help="flagged ones that still uncover")
    parser.add_argument("--threads", type=int, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
