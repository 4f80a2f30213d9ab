"""The demo's files as bundles, each made once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.artifact import open_artifact
from edgeconv.bundling import bundle
from edgeconv.checkpoints import safetensors
from edgeconv.classifier import Classifier, load_classifier
from edgeconv.exporting import export

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS / "oracles"))  # environments.py


SPEC = """
name = "small"
basename = "Small"
summary = "MobileNetV2 as small as it gets"
labels = ["Neutral", "Porn", "Sexy"]
unsafe = ["Porn", "Sexy"]

[architecture]
kind = "mobilenet_v2"
width = 0.35
head = [8]
dropout = 0.5

[input]
size = [32, 32]
scale = "1/255"
resize = { mode = "MODE" }

[checkpoint]
formats = ["safetensors"]
"""


@pytest.fixture(scope="session")
def export_small(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Export the smallest model; gives the file."""

    def export_it(name: str, mode: str = "stretch") -> Path:
        folder = tmp_path_factory.mktemp("small")
        (folder / "small.toml").write_text(SPEC.replace("MODE", mode))
        safetensors.write(small, folder / "small.safetensors")
        classifier = load_classifier(folder / "small.toml", folder / "small.safetensors")
        return _exported(classifier, folder, name)

    return export_it


@pytest.fixture(scope="session")
def small_int8(export_small: Callable[..., Path]) -> Path:
    return export_small("Small.int8.tflite")


@pytest.fixture(scope="session")
def demo_int8(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _exported(demo, tmp_path_factory.mktemp("exported"), "Demo.int8.tflite")


@pytest.fixture(scope="session")
def demo_compatible(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``Demo.int8.tflite`` for tflite-runtime 2.14."""
    folder = tmp_path_factory.mktemp("exported")
    return _exported(demo, folder, "Demo.int8.tflite", compat="tflite-2.14")


def _exported(classifier: Classifier, out: Path, name: str, **options: Any) -> Path:
    _, precision, target = name.split(".")
    export(classifier, targets=[target], precisions=[precision], verify=False, out=out, **options)
    golden = open_artifact(out / name).contract.golden
    spread = np.ptp([list(picture.scores.values()) for picture in golden], axis=0)
    assert spread.max() > 0.2, "scores that do not vary would prove nothing"
    return out / name


@pytest.fixture(scope="session")
def pi(small_int8: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Raspberry Pi bundle; no test may change it."""
    return bundle("raspberry-pi", small_int8, tmp_path_factory.mktemp("bundles") / "pi").out


@pytest.fixture(scope="session")
def pi_demo(demo_int8: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the demo, whose network is of a usual size; no test may change it."""
    return bundle("raspberry-pi", demo_int8, tmp_path_factory.mktemp("bundles") / "pi").out


@pytest.fixture(scope="session")
def pi_compatible(demo_compatible: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Raspberry Pi bundle for 32-bit systems and Python 3.9, too; no test may change it."""
    return bundle("raspberry-pi", demo_compatible, tmp_path_factory.mktemp("bundles") / "pi").out


@pytest.fixture(scope="session")
def jetson(demo_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Jetson bundle; no test may change it."""
    return bundle("jetson", demo_artifact, tmp_path_factory.mktemp("bundles") / "jetson").out


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """A bundle that a test may change."""
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "copy"))


Answer = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def device() -> Callable[..., Answer]:
    """Run one of a bundle's programs, by the Python here or by another one."""

    def run(program: Path, *arguments: object, python: object = sys.executable) -> Answer:
        command = [*([python] if not isinstance(python, list) else python), program, *arguments]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], list[dict[str, Any]]]:
    """The cases of a file in ``tests/vectors``."""

    def cases(name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((TESTS / "vectors" / f"{name}.json").read_text())[
            "cases"
        ]
        assert found
        return found

    return cases
