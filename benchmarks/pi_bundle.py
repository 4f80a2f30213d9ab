"""Lines, start and memory of a Raspberry Pi bundle, on this machine's processor.

    python benchmarks/pi_bundle.py [--model X.int8.tflite] [--python PYTHON] [--rounds 9] [--json]

The bundle is made anew (of the demo, a MobileNetV2, unless a model is named) and installed by its
own install.sh with PYTHON, 3.9 to 3.13: nothing but what its requirements pin. Each round is a
process of its own, from its start to the first verdict; medians. What it spends, part by part:

    python      until the interpreter runs its first line
    packages    importing numpy, Pillow and the TFLite runtime
    programs    importing the bundle's own modules, reading bundle.json and contract.json
    model       loading the file: operators, tensors, XNNPACK's packed weights
    verdict     decoding and resizing one picture, the first inference, the decision

Memory is the peak of the process, for a golden picture and for a photograph of 12 megapixels. Bars:
predict.py has fewer than 250 lines; loading, which is packages and model, is most of the time; and
150 MB. Of a small file's loading, the packages are the larger part.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from edgeconv import export
from edgeconv.bundling import bundle

LINES, LOADING, MEMORY_MB = 250, 0.5, 150
PARTS = ("python", "packages", "programs", "model", "verdict")

ONE = """
import sys, time
marks = [float(sys.argv[1]), time.monotonic()]
import numpy, PIL.Image, PIL.PngImagePlugin, PIL.JpegImagePlugin
try:
    import ai_edge_litert.interpreter
except ImportError:
    import tflite_runtime.interpreter
marks.append(time.monotonic())
import argparse, json
import predict
from moderation import pictures, policy, runtime
bundle = predict.open_bundle()
marks.append(time.monotonic())
judge = predict.Judge(bundle, None, 4)
marks.append(time.monotonic())
judge(predict.Path(sys.argv[2]))
marks.append(time.monotonic())
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
print(json.dumps({"marks": marks, "peak_mb": peak}))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="an int8 file; the demo's by default")
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made = bundle("raspberry-pi", arguments.model or exported(place), place / "pi").out
        install(made, arguments.python, place / "bin")
        golden = min((made / "golden").iterdir())
        rounds = [started(made, golden) for _ in range(arguments.rounds)]
        found = {
            "python": said(made, "--version"),
            "lines": len((made / "predict.py").read_text().splitlines()),
            "ms": {part: statistics.median(one[part] for one in rounds) for part in PARTS},
            "whole_ms": statistics.median(whole_ms(made, golden) for _ in rounds),
            "peak_mb": max(one["peak_mb"] for one in rounds),
            "photo_peak_mb": started(made, photograph(place))["peak_mb"],
        }
    total = sum(found["ms"].values())
    found["loading"] = (found["ms"]["packages"] + found["ms"]["model"]) / total
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{found['python']}: start to first verdict {total:.0f} ms; predict.py as a whole "
          f"{found['whole_ms']:.0f} ms")  # fmt: skip
    for part, ms in found["ms"].items():
        print(f"  {part:9} {ms:6.1f} ms  {ms / total:4.0%}")
    for what, figure, met in (
        (f"lines of predict.py (bar {LINES})", found["lines"], found["lines"] < LINES),
        (f"of the time is loading (bar {LOADING:.0%})", f"{found['loading']:.0%}",
         found["loading"] > LOADING),
        (f"MB for a golden picture (bar {MEMORY_MB})", f"{found['peak_mb']:.0f}",
         found["peak_mb"] < MEMORY_MB),
        (f"MB for a photograph of 12 megapixels (bar {MEMORY_MB})", f"{found['photo_peak_mb']:.0f}",
         found["photo_peak_mb"] < MEMORY_MB),
    ):  # fmt: skip
        print(f"{figure} {what}  {'met' if met else 'MISSED'}")


def exported(place):
    run = export("demo", targets=["tflite"], precisions=["int8"], out=place / "demo", verify=False)
    return run.out / "Demo.int8.tflite"


def install(made, python, first):
    """By install.sh, which takes the ``python3`` that it finds."""
    first.mkdir()
    (first / "python3").write_text(f'#!/bin/sh\nexec {python.absolute()} "$@"\n')
    (first / "python3").chmod(0o755)
    subprocess.run(
        ["bash", made / "install.sh"],
        env={"PATH": f"{first}:/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def photograph(place):
    path = place / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((4000, 3000)).save(path)
    return path


def started(made, picture):
    answer = json.loads(said(made, "-c", ONE, str(time.monotonic()), str(picture)))
    spent = (1000 * (end - start) for start, end in pairwise(answer["marks"]))
    return {"peak_mb": answer["peak_mb"], **dict(zip(PARTS, spent, strict=True))}


def whole_ms(made, picture):
    start = time.monotonic()
    said(made, "predict.py", str(picture))
    return 1000 * (time.monotonic() - start)


def said(made, *command):
    """What the bundle's Python prints."""
    done = subprocess.run(
        [made / ".venv/bin/python", *command], cwd=made, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
