"""The summary names each proof about devices: that it ran, failed, or why it was skipped."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.device_proof("Pi")
def test_one():
    pass

@pytest.mark.device_proof("Pi")
def test_two():
    pytest.skip("no qemu here")

@pytest.fixture
def root():
    pytest.skip("no Debian mirror")

@pytest.mark.device_proof("Phone")
def test_three(root):
    pass

@pytest.mark.device_proof("Jetson")
def test_four():
    assert False

@pytest.fixture(params=[pytest.param(1, marks=pytest.mark.device_proof("Board"))])
def board(request):
    return request.param

def test_five(board):
    pass

def test_of_no_device():
    pass
"""


@pytest.fixture
def summary(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    pytester.makeini("[pytest]\nmarkers =\n    device_proof(name)")
    pytester.makepyfile(TESTS)

    def run(*options):
        result = pytester.runpytest_subprocess("-p", "device_proofs", *options)
        lines = result.outlines
        starts = [at for at, line in enumerate(lines) if "= device proofs =" in line]
        if not starts:
            return []
        behind = lines[starts[0] + 1 :]
        end = next(at for at, line in enumerate(behind) if line.startswith("="))
        return behind[:end]

    return run


@pytest.mark.parametrize("processes", [(), ("-n", "2")])
def test_each_proof_is_told_of(processes, summary):
    assert summary(*processes) == [
        "ran      Board: 1 passed",
        "FAILED   Jetson: 1 failed",
        "SKIPPED  Phone: 1 skipped; no Debian mirror",
        "ran      Pi: 1 passed, 1 skipped; no qemu here",
    ]


def test_without_proofs_there_is_no_section(summary):
    assert summary("-k", "no_device") == []
