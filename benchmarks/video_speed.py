"""Speed and memory of ``edgeconv classify`` on video: 1080p H.264, MobileNetV2 int8.

    python benchmarks/video_speed.py --shared ../shared [--seconds 60] [--minutes 60] [--json]

Clips are generated: 1080p at 30 frames a second with moving, noisy content for speed, and for
memory one minute and many of the same small clip, by copying packets. Each is judged at two frames
a second of content, in a process of its own, the 1080p clip three times; loading the model is not
counted. Of the long clip the memory in use is printed after each tenth.

Nothing else should run meanwhile: how much of all cores other programs had is printed, too. Bars: 8
times faster than the content lasts; an hour takes at most 20 MB more than a minute at the peak, and
after its last tenth at most 1.05 of the memory after its first.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from edgeconv import classify, export, open_scorer
from edgeconv.generated import LABELS, draw_pattern
from edgeconv.progress import Silent

FASTER, MORE_MB, GROWN = 8.0, 20.0, 1.05
ROUNDS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--model", type=Path, help="an int8 file; nsfwjs of --shared by default")
    parser.add_argument("--seconds", type=int, default=60, help="of the 1080p clip")
    parser.add_argument("--minutes", type=int, default=60, help="of the long clip")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(judge(*arguments.child)))
        return

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = arguments.model or exported(arguments.shared, place)
        encode(place / "hd.mp4", (1080, 1920), 30, min(10, arguments.seconds))
        encode(place / "small.mp4", (180, 320), 10, 10)
        repeat(place / "hd.mp4", place / "hd-long.mp4", max(1, arguments.seconds // 10))
        repeat(place / "small.mp4", place / "minute.mp4", 6)
        repeat(place / "small.mp4", place / "long.mp4", 6 * arguments.minutes)
        rounds = [measured(model, place / "hd-long.mp4") for _ in range(ROUNDS)]
        minute, long = (measured(model, place / f"{name}.mp4") for name in ("minute", "long"))

    hd = sorted(rounds, key=lambda one: one["wall_s"])[ROUNDS // 2]
    found = {
        "times_faster": hd["content_s"] / hd["wall_s"],
        "more_mb": long["peak_mb"] - minute["peak_mb"],
        "grown": long["tenths_mb"][-1] / long["tenths_mb"][0],
    }
    if arguments.json:
        print(json.dumps({"hd": rounds, "minute": minute, "long": long, **found}))
        return
    for one in rounds:
        print(
            f"1080p, {one['content_s']:.0f} s: {one['wall_s']:.1f} s wall, {one['cpu_s']:.1f} s "
            f"CPU, {one['peak_mb']:.0f} MB; others had {one['others']:.0%} of the cores"
        )
    tell("times faster than it lasts", f"{found['times_faster']:.1f}", FASTER,
         found["times_faster"] >= FASTER)  # fmt: skip
    print(f"{minute['content_s'] / 60:.0f} min: {minute['peak_mb']:.0f} MB at the peak")
    print(
        f"{long['content_s'] / 60:.0f} min: {long['peak_mb']:.0f} MB, after each tenth "
        + " ".join(f"{tenth:.1f}" for tenth in long["tenths_mb"])
    )
    tell("MB more at the peak", f"{found['more_mb']:+.1f}", MORE_MB, found["more_mb"] <= MORE_MB)
    tell("of the first tenth's, after the last", f"{found['grown']:.3f}", GROWN,
         found["grown"] <= GROWN)  # fmt: skip


def tell(what, figure, bar, met):
    print(f"  {figure} {what} (bar {bar:g})  {'met' if met else 'MISSED'}")


def exported(shared, place):
    run = export(
        "nsfwjs-mobilenet-v2",
        targets=["tflite"],
        precisions=["int8"],
        weights=shared / "checkpoints/nsfwjs_mobilenet_v2",
        out=place / "model",
        verify=False,
    )
    return run.out / "NSFWJS.int8.tflite"


def encode(path, size, rate, seconds):
    """Patterns that drift and noise over them; a cut every two seconds."""
    height, width = size
    random = np.random.default_rng(0)
    noise = random.integers(-6, 7, (4, height, width, 3), dtype=np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # By itself x264 would cut each picture into slices here, as cameras and sites do not.
        stream.codec_context.thread_type = "FRAME"
        stream.options = {"x264-params": "log-level=error"}
        for number in range(seconds * rate):
            scene, step = divmod(number, 2 * rate)
            if step == 0:
                label = LABELS[scene % len(LABELS)]
                canvas = draw_pattern(label, 0.2, scene, (height, width)).astype(np.int16)
            drifted = np.roll(canvas, (step, 3 * step), axis=(0, 1)) + noise[number % len(noise)]
            picture = drifted.clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def repeat(source, target, times):
    """The clip that many times in a row, its packets copied."""
    with av.open(str(target), "w") as written:
        stream, offset = None, 0
        for _ in range(times):
            with av.open(str(source)) as read:
                track = read.streams.video[0]
                if stream is None:
                    stream = written.add_stream_from_template(track)
                for packet in read.demux(track):
                    if packet.dts is None:
                        continue
                    packet.stream = stream
                    packet.pts += offset
                    packet.dts += offset
                    written.mux(packet)
                offset += round(Fraction(track.duration))


def measured(model, clip):
    command = [sys.executable, __file__, "--child", str(model), str(clip)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


class Tenths(Silent):
    """Notes the memory in use after each tenth of the instants that are judged."""

    def __init__(self):
        self.done, self.marks, self.mb = 0, (), []

    def step(self, text, total=None):  # noqa: ARG002
        self.done, self.mb = 0, []
        self.marks = [total * tenth // 10 for tenth in range(1, 11)]

    def advance(self):
        self.done += 1
        if self.done in self.marks:
            self.mb.append(memory_mb("VmRSS"))


def judge(model, clip):
    scorer, tenths = open_scorer(model), Tenths()
    classified = classify(scorer, [clip], progress=tenths)
    start, cpu, others = time.perf_counter(), time.process_time(), busy_s()
    decision = next(classified)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "content_s": decision.seconds,
        "frames": decision.frames,
        "error": decision.error,
        "wall_s": wall,
        "cpu_s": cpu,
        "others": max(0.0, busy_s() - others - cpu) / (wall * os.cpu_count()),
        "peak_mb": memory_mb("VmHWM"),
        "tenths_mb": tenths.mb,
    }


def busy_s():
    """CPU seconds that all programs have used since the machine started."""
    user, nice, system, _idle, _wait, *interrupts = Path("/proc/stat").read_text().split()[1:8]
    return sum(map(int, (user, nice, system, *interrupts))) / os.sysconf("SC_CLK_TCK")


def memory_mb(which):
    """VmRSS, in use now, or VmHWM, at the peak since this process began; ru_maxrss would count its
    parent's, from before exec."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{which}:\s+(\d+) kB", status)[1]) / 1024


if __name__ == "__main__":
    main()
