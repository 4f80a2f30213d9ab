#!/usr/bin/env python3
"""How fast the model runs here, and what memory it takes: one JSON document."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

START = perf_counter()

from moderation.bundle import BundleError, open_bundle  # noqa: E402
from predict import Judge  # noqa: E402

WARM_UP = 5


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the model on a golden picture.")
    parser.add_argument("--runs", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=4, help="default: %(default)s")
    options = parser.parse_args()
    try:
        bundle = open_bundle()
        judge = Judge(bundle, None, options.threads)
        loaded = perf_counter()
        picture = bundle.folder / "golden" / bundle.contract["golden"][0]["name"]
        judge(picture)
        first = perf_counter()
        for _ in range(WARM_UP):
            judge(picture)
        seconds = sorted(_timed(judge, picture) for _ in range(options.runs))
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        "model": bundle.model.name,
        "runtime": judge.model.description,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "threads": options.threads,
        "runs": options.runs,
        "load_ms": _milliseconds(loaded - START),
        "first_verdict_ms": _milliseconds(first - START),
        "median_ms": _milliseconds(median(seconds)),
        "p95_ms": _milliseconds(seconds[int(0.95 * (len(seconds) - 1))]),
        "peak_memory_mb": _peak_memory_mb(),
    }
    print(json.dumps(report, indent=1))
    return 0


def _timed(judge: Judge, picture: Path) -> float:
    start = perf_counter()
    judge(picture)
    return perf_counter() - start


def _peak_memory_mb() -> float:
    # Not ru_maxrss: that of a process starts at what its parent had.
    status = Path("/proc/self/status").read_text()
    kibibytes = int(status.split("VmHWM:")[1].split()[0])
    return round(kibibytes * 1024 / 1e6, 1)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


if __name__ == "__main__":
    sys.exit(main())
