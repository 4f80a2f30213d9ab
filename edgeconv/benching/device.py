"""How to run the same bench on a board, which edgeconv itself need not be installed on."""

from __future__ import annotations

from pathlib import Path

from edgeconv.artifact import find_artifacts
from edgeconv.bundles import writer
from edgeconv.errors import UnknownName, UsageError

SETTING_UP = {
    "raspberry-pi": ["./install.sh"],
    "jetson": [
        "python3 -m venv .venv",
        ".venv/bin/python -m pip install --no-deps --require-hashes -r requirements.txt",
        ".venv/bin/python -m pip install --no-deps --index-url "
        "https://pypi.jetson-ai-lab.io/jp6/cu126 onnxruntime-gpu",
    ],
}
"""As the README of each bundle says."""

RUNS, THREADS = 50, (1, 4)


def recipe(device: str, place: Path) -> list[str]:
    """Shell commands: bundle each file for the device, copy, install, measure.

    Raises:
        UnknownName: no recipe for such a device.
        UsageError: no file here runs on it.
    """
    if device not in SETTING_UP:
        raise UnknownName("device", device, SETTING_UP)
    suffixes = writer(device).SUFFIXES
    paths = [path for path in find_artifacts(place) if path.suffix in suffixes]
    if not paths:
        raise UsageError(
            f"{place} holds nothing that runs on a {device}",
            expected=f"a file ending in {' or '.join(suffixes)}",
        )
    lines = ["# here"]
    folders = [f"bench-{path.name}" for path in paths]
    for path, folder in zip(paths, folders, strict=True):
        lines.append(f"edgeconv bundle {device} {path} --out {folder}")
    lines += [f"scp -r {' '.join(folders)} BOARD:", "# on the board, with nothing else running"]
    for folder in folders:
        lines.append(f"cd ~/{folder}")
        lines += SETTING_UP[device]
        lines += [f".venv/bin/python bench.py --runs {RUNS} --threads {count}" for count in THREADS]
    return lines
