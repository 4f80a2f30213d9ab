"""``--compat tflite-2.14`` files run by tflite-runtime 2.14, and score there as they do here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from environments import environment, run_there
from numpy.typing import NDArray

from edgeconv.formats.tflite_metadata import read_contract

pytestmark = pytest.mark.slow

LARGEST_DIFFERENCE = {"fp32": 1e-5, "fp16": 1e-5, "dynamic": 0.05, "int8": 0.0}
"""Dynamic range files round activations while they run, and each version in its own way."""


@pytest.fixture(scope="module")
def tflite_runtime() -> Path:
    return environment(
        "tflite-2.14",
        ["tflite-runtime==2.14.0", "numpy<2"],
        versions=["3.11", "3.10", "3.9"],
    )


@pytest.fixture(scope="module")
def compatible(export_demo: Callable[..., Path]) -> Path:
    return export_demo("--compat", "tflite-2.14")


def test_scores_are_those_of_litert(
    *,
    tflite_runtime: Path,
    compatible: Path,
    precision: str,
    pictures: Path,
    litert_scores: Callable[..., NDArray[np.float64]],
    tmp_path: Path,
) -> None:
    model = compatible / f"Demo.{precision}.tflite"
    done = run_there(
        tflite_runtime, "run_tflite_runtime.py", model, pictures, tmp_path / "scores.npy"
    )
    assert done.returncode == 0, done.stderr
    # tflite-runtime 2.14 runs integers by its built-in kernels. XNNPACK rounds otherwise, which a
    # whole network can amplify to several hundredths.
    expected = litert_scores(model, xnnpack=precision != "int8")
    difference = np.abs(np.load(tmp_path / "scores.npy") - expected).max()

    assert difference <= LARGEST_DIFFERENCE[precision]


def test_the_contract_says_so(compatible: Path, precision: str) -> None:
    assert read_contract(compatible / f"Demo.{precision}.tflite").compat == "tflite-2.14"


def test_without_the_option_dynamic_range_is_refused_there(
    tflite_runtime: Path, export_demo: Callable[..., Path], pictures: Path, tmp_path: Path
) -> None:
    model = export_demo("--precision", "dynamic") / "Demo.dynamic.tflite"
    done = run_there(
        tflite_runtime, "run_tflite_runtime.py", model, pictures, tmp_path / "scores.npy"
    )

    assert done.returncode != 0
    assert "FULLY_CONNECTED" in done.stderr
