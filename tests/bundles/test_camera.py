"""camera.py covers at first, in doubt, and while the camera is away; it uncovers when all is clear.

OpenCV and picamera2 are played by modules of those names, which show two golden pictures as they
are told to.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

CV2 = """
import json, os, sys
import numpy as np
from PIL import Image

CAP_PROP_BUFFERSIZE = 38
SHOWS = json.loads(os.environ["SHOWS"])  # a list of pictures for each time the camera is opened
FOLDER = os.environ["FOLDER"]


class VideoCapture:
    def __init__(self, source):
        if not SHOWS:
            raise KeyboardInterrupt
        self._pictures = iter(SHOWS.pop(0))

    def set(self, name, value):
        pass

    def read(self):
        name = next(self._pictures, None)
        if name is None:
            return False, None
        if name == "breaks":
            raise KeyboardInterrupt
        return True, np.asarray(Image.open(f"{FOLDER}/{name}"))[..., ::-1]

    def release(self):
        pass
"""

PICAMERA2 = """
import concurrent.futures, json, os
import numpy as np
from PIL import Image

SHOWS = json.loads(os.environ["SHOWS"])
FOLDER = os.environ["FOLDER"]
held = False


class Picamera2:
    def __init__(self):
        global held
        if not SHOWS:
            raise KeyboardInterrupt
        self._pictures = iter(SHOWS.pop(0) or ())
        if held:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        held = True

    def create_video_configuration(self, main):
        assert main["format"] == "BGR888", "R, G, B in memory"

    def configure(self, configuration):
        pass

    def start(self):
        pass

    def capture_array(self, name, wait):
        assert (name, wait) == ("main", False)
        return next(self._pictures, None)

    def wait(self, job, timeout):
        assert timeout
        if job is None:
            raise concurrent.futures.TimeoutError
        return np.asarray(Image.open(f"{FOLDER}/{job}"))

    def close(self):
        global held
        held = False
"""

SAFE, UNSAFE = "safe.png", "unsafe.png"

QUICK = "import time; time.sleep = lambda seconds: None; import runpy, sys; "
RUN = QUICK + "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture
def watch(pi, tmp_path):
    """The lines that camera.py prints, and what it says on stderr."""
    modules = {"cv2": CV2, "picamera2": PICAMERA2}
    contract = json.loads((pi / "contract.json").read_text())
    for picture in contract["golden"]:
        label = max(picture["scores"], key=picture["scores"].__getitem__)
        shown = UNSAFE if label in contract["unsafe_labels"] else SAFE
        shutil.copyfile(pi / "golden" / picture["name"], tmp_path / shown)
    assert (tmp_path / SAFE).exists()
    assert (tmp_path / UNSAFE).exists()

    def run(*shows, options=(), by="cv2"):
        (tmp_path / f"{by}.py").write_text(modules[by])
        options = ("--camera", "0", *options) if by == "cv2" else options
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(pi / "camera.py"), *options],
            env={
                **os.environ,
                "SHOWS": json.dumps(shows),
                "FOLDER": str(tmp_path),
                "PYTHONPATH": f"{tmp_path}:{pi}",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return run


def covers(lines):
    return [(line["covered"], line["why"].split(":")[0]) for line in lines]


def test_it_uncovers_only_after_as_many_clear_frames_as_it_looks_at(watch):
    lines, _ = watch([SAFE] * 7)
    assert (False, "clear") not in covers(lines)
    lines, _ = watch([SAFE] * 8)
    assert covers(lines)[:2] == [(True, "starting"), (False, "clear")]


def test_k_of_n_cover_and_one_does_not(watch):
    lines, _ = watch([SAFE] * 8 + [UNSAFE] + [SAFE] * 8)
    assert (True, "flagged") not in covers(lines)
    lines, _ = watch([SAFE] * 8 + [UNSAFE] * 4 + [SAFE] * 8)
    assert covers(lines)[:4] == [
        (True, "starting"),
        (False, "clear"),
        (True, "flagged"),
        (False, "clear"),
    ]


@pytest.mark.parametrize("by", ["cv2", "picamera2"])
def test_a_camera_that_vanishes_covers_and_is_tried_again_after_growing_pauses(by, watch):
    lines, said = watch([SAFE] * 8, [], [], [SAFE] * 3, [], by=by)
    assert covers(lines)[:3] == [(True, "starting"), (False, "clear"), (True, "no camera")]
    lost = [line for line in lines if line["why"].startswith("no camera")]
    assert all(line["covered"] for line in lost)
    assert [f"again in {seconds} s" in said for seconds in (1, 2, 4, 8)] == [
        True, True, True, False,
    ]  # fmt: skip
    # Three clear frames after the gap are not enough to uncover.
    after = covers(lines)[covers(lines).index((True, "no camera")) :]
    assert (False, "clear") not in after


def test_the_last_line_covers(watch):
    lines, _ = watch([SAFE] * 8 + ["breaks"])
    assert covers(lines) == [(True, "starting"), (False, "clear"), (True, "stopped")]


def test_smoothing_that_cannot_be_is_refused(watch):
    with pytest.raises(AssertionError, match="0 <= release < k <= n"):
        watch([SAFE], options=("-k", "9"))
