"""Time and peak memory of a whole export against the usual script, taking turns in one run.

    python benchmarks/export_speed.py --shared ../shared [--rounds 3] [--json]

Every command is a process of its own, so that imports count. Nothing else should run meanwhile.
Bars: at most 0.35 of the usual time and 2 GB without verification, 1.0 and 3 GB with verification;
`edgeconv --help` at most 20 times a bare interpreter's start; a second export under 3 s.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PREPARE = """
import sys, numpy as np
from pathlib import Path
from edgeconv.classifier import load_classifier
from edgeconv.calibration import calibration_from
from edgeconv.progress import Silent
classifier = load_classifier("nsfwjs-mobilenet-v2", Path(sys.argv[1]))
classifier.network.model.save(sys.argv[3])
photos = calibration_from(Path(sys.argv[2]), classifier.spec.input.preprocessing, Silent())
np.save(sys.argv[4], photos.inputs)
"""


def run(command):
    """Seconds and peak resident gigabytes of a command."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status and os.waitstatus_to_exitcode(status) not in (0, 3):
        sys.exit(f"{' '.join(map(str, command))} failed:\n{error.decode()[-2000:]}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    checkpoint = arguments.shared / "checkpoints/nsfwjs_mobilenet_v2"
    photos = arguments.shared / "photos/natural"
    work = Path(tempfile.mkdtemp())
    h5, pixels = work / "model.h5", work / "pixels.npy"
    subprocess.run(
        [sys.executable, "-c", PREPARE, checkpoint, photos, h5, pixels],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    edgeconv = [
        Path(sys.executable).with_name("edgeconv"), "export", "nsfwjs-mobilenet-v2",
        "--weights", checkpoint, "--calibration", photos, "--target", "all",
    ]  # fmt: skip
    usual = [sys.executable, Path(__file__).with_name("usual_export.py"), h5, pixels, work]
    commands = {
        "usual script": usual,
        "export --no-verify": [*edgeconv, "--no-verify", "--out", work / "fast"],
        "export": [*edgeconv, "--out", work / "verified"],
        "export again": [*edgeconv, "--out", work / "verified"],
        "edgeconv --help": [edgeconv[0], "--help"],
        "bare python": [sys.executable, "-c", ""],
    }
    seconds = {name: [] for name in commands}
    gigabytes = dict.fromkeys(commands, 0.0)
    for _ in range(arguments.rounds):
        for folder in ("fast", "verified"):
            shutil.rmtree(work / folder, ignore_errors=True)
        for name, command in commands.items():
            for _ in range(5 if name in ("edgeconv --help", "bare python") else 1):
                taken, peak = run(command)
                seconds[name].append(taken)
                gigabytes[name] = max(gigabytes[name], peak)
    shutil.rmtree(work)

    median = {name: statistics.median(taken) for name, taken in seconds.items()}
    figures = [
        ("export --no-verify / usual", median["export --no-verify"] / median["usual script"], 0.35),
        ("export --no-verify, peak GB", gigabytes["export --no-verify"], 2.0),
        ("export / usual", median["export"] / median["usual script"], 1.0),
        ("export, peak GB", gigabytes["export"], 3.0),
        ("export again, seconds", median["export again"], 3.0),
        ("--help / bare python", median["edgeconv --help"] / median["bare python"], 20.0),
    ]
    if arguments.json:
        print(json.dumps({"seconds": seconds, "gigabytes": gigabytes, "figures": figures}))
        return
    for name in commands:
        spread = f"{min(seconds[name]):.2f} to {max(seconds[name]):.2f}"
        print(f"{name:22} {median[name]:7.2f} s ({spread})  {gigabytes[name]:.2f} GB")
    print()
    for name, figure, bar in figures:
        print(f"{name:30} {figure:6.2f}   bar {bar:5.2f}   {'met' if figure <= bar else 'MISSED'}")


if __name__ == "__main__":
    main()
