"""Environments of their own, for runtimes that cannot live beside ours.

Made once and kept under ``~/.cache/edgeconv-tests``; a test that cannot have one is skipped, with
the reason.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

CACHE = Path.home() / ".cache" / "edgeconv-tests"
SECONDS_TO_INSTALL = 900


def environment(name: str, requirements: Sequence[str], *, versions: Sequence[str]) -> Path:
    """The Python of an environment that has exactly these requirements.

    Args:
        name: for the folder.
        requirements: as for pip.
        versions: of Python that the requirements have wheels for, the preferred one first.
    """
    base = _interpreter(versions)
    wanted = "\n".join([str(base), *requirements])
    folder = CACHE / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _must([str(base), "-m", "venv", str(folder)])
            _must([str(python), "-m", "pip", "install", "--only-binary=:all:", *requirements])
            complete.touch()
    return python


@cache
def package_index() -> None:
    """Skip where packages cannot be had: what fails to install would say nothing of its pins."""
    with tempfile.TemporaryDirectory() as folder:
        small = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, "idna"]
        if subprocess.run(small, capture_output=True, check=False).returncode:
            pytest.skip("no package index can be reached")


def run_there(python: Path, script: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run a script that lies beside this file; what it wrote to stderr is in the result."""
    beside = Path(__file__).with_name(script)
    return subprocess.run(
        [str(python), "-I", str(beside), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _interpreter(versions: Sequence[str]) -> Path:
    for version in versions:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            return Path(sys.executable)
        pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
        # A pyenv shim on the PATH is there for versions, too, that are not switched on.
        for candidate in (*pyenv, shutil.which(f"python{version}")):
            if candidate and not subprocess.call(
                [candidate, "-c", "import venv, ensurepip"], stderr=subprocess.DEVNULL
            ):
                return Path(candidate)
    pytest.skip(f"needs Python {' or '.join(versions)}")


def _must(command: list[str]) -> None:
    try:
        subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_TO_INSTALL, check=True
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no reason given"]
        pytest.skip(f"{' '.join(command[1:])}: {lines[-1]}")
    except subprocess.TimeoutExpired as error:
        pytest.skip(f"{' '.join(command[1:])}: {error}")
