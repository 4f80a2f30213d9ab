"""The Raspberry Pi bundle: its requirements, its scripts, and real installations of it."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from environments import environment, package_index
from PIL import Image

from edgeconv.bundles.pinned import TABLE, Pin, requirements
from edgeconv.bundling import bundle

LONGEST_PREDICT = 250
MOST_MEMORY_MB = 150


def test_predict_is_short(pi):
    assert len((pi / "predict.py").read_text().splitlines()) < LONGEST_PREDICT


def test_programs_know_nothing_of_edgeconv(pi, jetson):
    for program in (*pi.rglob("*.py"), *jetson.rglob("*.py")):
        assert not re.search(r"^\s*(from|import) edgeconv", program.read_text(), re.M)


@pytest.mark.parametrize("kind", ["pi", "jetson"])
def test_programs_are_typed(kind, request, tmp_path):
    folder = request.getfixturevalue(kind)
    programs = sorted(path.name for path in folder.glob("*.py"))
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10"]
    untyped = ["--ignore-missing-imports", "--no-warn-unused-ignores"]
    done = subprocess.run(
        [*command, *untyped, "--cache-dir", str(tmp_path), *programs, "moderation"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_requirement_has_the_hashes_of_its_wheels():
    table = json.loads(TABLE.read_text())
    text = requirements([Pin("numpy", "1.26.4", 'python_version < "3.12"')], ("aarch64",))
    first, *hashes = text.split(" \\\n    ")
    assert first == 'numpy==1.26.4 ; python_version < "3.12"'
    expected = {f for wheel, f in table["numpy==1.26.4"].items() if wheel.endswith("aarch64.whl")}
    assert expected
    assert {line.strip().removeprefix("--hash=sha256:") for line in hashes} == expected


def test_the_table_has_wheels_for_each_python_and_processor():
    table = json.loads(TABLE.read_text())
    assert all(
        re.fullmatch("[0-9a-f]{64}", sha) for wheels in table.values() for sha in wheels.values()
    )

    def there(pinned, python, machine):
        return any(f"-{python}-" in name and machine in name for name in table[pinned])

    for machine in ("aarch64", "x86_64"):
        for python in ("cp310", "cp311", "cp312", "cp313"):
            assert there("ai-edge-litert==2.3.0", python, machine)
        for python in ("cp39", "cp310", "cp311"):
            assert there("numpy==1.26.4", python, machine)
            assert there("tflite-runtime==2.14.0", python, machine)
    assert there("tflite-runtime==2.14.0", "cp311", "armv7l")


def test_a_32_bit_system_needs_a_compatible_file(small_int8, pi, tmp_path):
    assert not (pi / "requirements-32-bit.txt").exists()
    assert "tflite-runtime" not in (pi / "requirements.txt").read_text()
    (note,) = bundle("raspberry-pi", small_int8, tmp_path / "out").notes
    assert "--compat tflite-2.14" in note


def test_a_float_file_is_told_to_be_slower(export_small, tmp_path):
    notes = bundle("raspberry-pi", export_small("Small.fp32.tflite"), tmp_path / "out").notes
    assert any("int8" in note for note in notes)


@pytest.mark.device_proof("Raspberry Pi: install.sh by shellcheck")
def test_the_script_is_sound(pi):
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck")
    subprocess.run(["shellcheck", str(pi / "install.sh")], check=True)
    assert os.access(pi / "install.sh", os.X_OK)


@pytest.mark.device_proof("Raspberry Pi: the service by systemd-analyze")
def test_the_service_is_sound_and_confined(pi, tmp_path):
    service = pi / "moderation.service"
    settings = dict(
        line.split("=", 1)
        for line in service.read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateNetwork", "ProtectHome"):
        assert settings[name] == "yes"
    assert settings["ProtectSystem"] == "strict"
    assert settings["CapabilityBoundingSet"] == ""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze for the rest")
    here = tmp_path / "moderation.service"
    python = "/opt/moderation/.venv/bin/python"
    here.write_text(service.read_text().replace(python, "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False
    )
    assert "moderation.service" not in done.stderr, done.stderr


def installed(folder, version):
    """Run ``install.sh`` with a Python of that version as the system's."""
    package_index()
    python = environment(f"python-{version}", ["pip"], versions=[version])
    return subprocess.run(
        ["bash", str(folder / "install.sh")],
        env={**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.device_proof("Raspberry Pi: installs by hash, Python 3.9 to 3.13")
@pytest.mark.parametrize(
    ("kind", "version", "runtime"),
    [
        ("pi_demo", "3.13", "ai-edge-litert 2.3.0"),
        ("pi_demo", "3.12", "ai-edge-litert 2.3.0"),
        ("pi_demo", "3.11", "ai-edge-litert 2.3.0"),
        ("pi_demo", "3.10", "ai-edge-litert 2.3.0"),
        ("pi_compatible", "3.9", "tflite-runtime 2.14.0"),
        ("pi_compatible", "3.13", "ai-edge-litert 2.3.0"),
    ],
)
def test_it_installs_by_hash_and_passes_its_test(
    *, kind, version, runtime, request, copy_of, device
):
    folder = copy_of(request.getfixturevalue(kind))
    done = installed(folder, version)
    assert done.returncode == 0, done.stderr
    assert "PASS  8 golden pictures" in done.stdout
    assert runtime in done.stdout
    # The same integers as on the machine that exported it: nothing but the golden scores' rounding.
    (largest,) = re.findall(r"scores differ by ([\d.e-]+)", done.stdout)
    assert float(largest) <= 1e-5

    python = folder / ".venv" / "bin" / "python"
    pictures = sorted((folder / "golden").iterdir())
    verdicts = device(folder / "predict.py", "--json", *pictures, python=python).stdout
    assert len({json.loads(line)["label"] for line in verdicts.splitlines()}) > 1
    report = json.loads(device(folder / "bench.py", "--runs", 5, python=python).stdout)
    assert report["peak_memory_mb"] < MOST_MEMORY_MB

    (folder / "Demo.int8.tflite").write_bytes(b"TFL3" + bytes(1000))
    assert device(folder / "selftest.py", python=python).returncode == 1


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)
"""


def test_a_photograph_of_12_megapixels_takes_little_memory(pi, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((4000, 3000)).save(tmp_path / "photo.jpg")
    command = [sys.executable, pi / "predict.py", "--threads", "1", tmp_path / "photo.jpg"]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < MOST_MEMORY_MB


@pytest.mark.slow
def test_another_wheel_than_was_pinned_is_not_installed(pi_demo, copy_of):
    folder = copy_of(pi_demo)
    pinned = folder / "requirements.txt"
    pinned.write_text(re.sub("sha256:[0-9a-f]{4}", "sha256:0000", pinned.read_text()))
    done = installed(folder, "3.13")
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()


@pytest.mark.slow
def test_python_3_9_is_told_what_it_needs(pi_demo, copy_of):
    done = installed(copy_of(pi_demo), "3.9")
    assert done.returncode == 2
    assert "--compat tflite-2.14" in done.stderr
