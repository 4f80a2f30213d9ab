"""Bundles on a Raspberry Pi's processor, emulated: real Arm wheels in the Debian of Pi OS.

``pi_root.sh`` makes each root once, under ``~/.cache/edgeconv-tests``; where it cannot (no Debian
mirror, no right to install mmdebstrap), these tests skip with its last words.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from environments import CACHE
from filelock import FileLock

pytestmark = pytest.mark.slow

SETUP = Path(__file__).with_name("pi_root.sh")


class System(NamedTuple):
    """A Pi OS: its architecture, the Debian it is made of, that one's Python, a bundle's wheels."""

    architecture: str
    debian: str
    python: str
    wheels: tuple[str, ...]


SYSTEMS = {
    "arm64": System(
        "arm64", "bookworm", "3.11", ("numpy==1.26.4", "pillow==13.0.0", "ai-edge-litert==2.3.0")
    ),
    "arm64-trixie": System(
        "arm64", "trixie", "3.13", ("numpy==2.5.5", "pillow==13.0.0", "ai-edge-litert==2.3.0")
    ),
    # numpy and Pillow are Debian's, as install.sh has it.
    "armhf": System("armhf", "bookworm", "3.11", ("tflite-runtime==2.14.0",)),
}
TAGS = {
    "arm64": ["manylinux2014_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64"],
    "armhf": ["manylinux_2_34_armv7l"],
}
PROCESSORS = {"arm64": "cortex-a72", "armhf": "cortex-a15"}
"""A Pi 4's, and for 32 bits the nearest that qemu-arm has."""


def made(name):
    """The folder of a system, which has the wheels of a bundle."""
    system = SYSTEMS[name]
    folder = CACHE / f"pi-{name}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _must(["bash", str(SETUP), system.architecture, system.debian, str(folder)])
            platforms = [f"--platform={tag}" for tag in TAGS[system.architecture]]
            # pip install holds wheels for another Python to the one that it runs on.
            _must(
                [sys.executable, "-m", "pip", "install", "--no-deps", "--only-binary=:all:",
                 f"--python-version={system.python}", "--ignore-requires-python", *platforms,
                 f"--target={folder / 'wheels'}", *system.wheels]
            )  # fmt: skip
            (folder / "complete").touch()
    return folder


def _must(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        pytest.skip(f"{' '.join(command[:4])}: {lines[-1]}")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            name,
            marks=pytest.mark.device_proof(
                f"Raspberry Pi: {system.architecture}, Python {system.python}, under qemu"
            ),
        )
        for name, system in SYSTEMS.items()
    ],
)
def system(request):
    return request.param


@pytest.fixture
def emulated(system):
    folder = made(system)
    root = folder / "root"
    python = root / f"usr/bin/python{SYSTEMS[system].python}"

    def run(program, *arguments):
        return subprocess.run(
            [str(folder / "qemu"), "-L", str(root), str(python), str(program),
             *map(str, arguments)],
            env={
                **os.environ,
                "QEMU_CPU": PROCESSORS[SYSTEMS[system].architecture],
                "PYTHONPATH": f"{folder / 'wheels'}:{root / 'usr/lib/python3/dist-packages'}",
            },
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def bundled(system, request):
    return request.getfixturevalue("pi_compatible" if system == "armhf" else "pi_demo")


def test_the_self_test_passes(emulated, bundled):
    done = emulated(bundled / "selftest.py", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["pictures"] == 8
    assert report["largest_difference"] <= report["tolerance"]


def test_the_self_test_sees_another_model(emulated, bundled, copy_of):
    changed = copy_of(bundled)
    model = changed / "Demo.int8.tflite"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    done = emulated(changed / "selftest.py", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"] == [
        "Demo.int8.tflite is not the file that was bundled"
    ]


def test_scores_are_those_of_x86(system, emulated, bundled, device):
    pictures = sorted((bundled / "golden").iterdir())
    there = emulated(bundled / "predict.py", "--json", "--threads", "1", *pictures)
    assert there.returncode == 0, there.stderr
    here = device(bundled / "predict.py", "--json", "--threads", "1", *pictures)
    found = [json.loads(line)["scores"] for line in there.stdout.splitlines()]
    expected = [json.loads(line)["scores"] for line in here.stdout.splitlines()]
    assert len(found) == len(pictures)
    if system != "armhf":
        assert found == expected, "XNNPACK's integers are the same, bit for bit"
        return
    # The built-in kernels round otherwise on Arm.
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs == pytest.approx(ours, abs=0.05)


def test_the_vectors_hold_there(emulated, bundled):
    here = Path(__file__)
    vectors = here.parent.parent / "vectors"
    done = emulated(here.with_name("run_vectors.py"), bundled, vectors)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["levels"] <= 1
