"""The Debian root with Swift, made once; a test that cannot have it is skipped, with the reason."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
ROOT = Path.home() / ".cache" / "edgeconv-tests" / "swift-root"
SCRATCH = "/var/tmp/edgeconv"
"""Inside the root: what is built there serves the next run."""

SECONDS_TO_MAKE = 1200
SECONDS_TO_RUN = 600


def made_root() -> Path:
    """The root; skips where it cannot be made, or nothing can be run in it."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare here to enter a Debian root with")
    _must([HERE / "swift_root.sh", ROOT], SECONDS_TO_MAKE)
    _must([HERE / "in_swift_root.sh", ROOT, REPOSITORY, "swift", "--version"], SECONDS_TO_RUN)
    return ROOT


def run_inside(
    root: Path, *command: str, repository: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    """Run a command in the root, with a repository under ``/repository``, stderr in stdout."""
    return subprocess.run(
        [HERE / "in_swift_root.sh", root, repository, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_TO_RUN,
        check=False,
    )


def _must(command: list[str | Path], seconds: int) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no reason given"]
        pytest.skip(f"no Debian root with Swift: {lines[-1]}")
    except subprocess.TimeoutExpired as error:
        pytest.skip(f"no Debian root with Swift: {error}")
