"""Speed and memory of ``edgeconv classify`` on video: 1080p H.264, MobileNetV2 int8.

    python benchmarks/video_speed.py --shared ../shared [--seconds 60] [--minutes 60] [--json]

Clips are generated: 1080p at 30 frames a second with moving, noisy content for speed, and for
memory one minute and many of the same small clip, by copying packets. Each is judged at two frames
a second of content, in a process of its own; loading the model is not counted. Nothing else should
run meanwhile. Bars: 8 times faster than the content lasts; an hour takes at most 20 MB more than a
minute at the peak.
"""

import argparse
import json
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

FASTER, MORE_MB = 8.0, 20.0


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
        found = {
            name: measured(model, place / f"{name}.mp4") for name in ("hd-long", "minute", "long")
        }

    hd, minute, long = found["hd-long"], found["minute"], found["long"]
    ratio, more = hd["content_s"] / hd["wall_s"], long["peak_mb"] - minute["peak_mb"]
    if arguments.json:
        print(json.dumps({**found, "times_faster": ratio, "more_mb": more}))
        return
    print(
        f"1080p, {hd['content_s']:.0f} s: {hd['wall_s']:.1f} s wall, {hd['cpu_s']:.1f} s CPU, "
        f"{hd['peak_mb']:.0f} MB: {ratio:.1f} times faster than it lasts "
        f"(bar {FASTER:.0f})  {'met' if ratio >= FASTER else 'MISSED'}"
    )
    print(
        f"{minute['content_s'] / 60:.0f} min: {minute['peak_mb']:.0f} MB; "
        f"{long['content_s'] / 60:.0f} min: {long['peak_mb']:.0f} MB: {more:+.1f} MB "
        f"(bar {MORE_MB:+.0f})  {'met' if more <= MORE_MB else 'MISSED'}"
    )


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


def judge(model, clip):
    scorer = open_scorer(model)
    start, cpu = time.perf_counter(), time.process_time()
    (decision,) = classify(scorer, [clip])
    return {
        "content_s": decision.seconds,
        "frames": decision.frames,
        "error": decision.error,
        "wall_s": time.perf_counter() - start,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": peak_mb(),
    }


def peak_mb():
    """Of this process since it began; ru_maxrss would count its parent's, from before exec."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


if __name__ == "__main__":
    main()
