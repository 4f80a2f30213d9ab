"""MediaPipe's ImageClassifier reads our metadata: the same labels, in order, and scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from environments import environment, run_there
from numpy.typing import NDArray

from edgeconv.formats.tflite_metadata import read_contract

pytestmark = [
    pytest.mark.slow,
    pytest.mark.device_proof("Android: MediaPipe's ImageClassifier"),
]

LARGEST_DIFFERENCE = {"fp32": 1e-5, "fp16": 1e-5, "dynamic": 1e-5, "int8": 0.0}
"""MediaPipe runs files by XNNPACK, as LiteRT does: even rounding while running is the same."""


@pytest.fixture(scope="module")
def mediapipe() -> Path:
    return environment("mediapipe", ["mediapipe==1.2.2"], versions=["3.11", "3.12", "3.10"])


@pytest.fixture(scope="module")
def exported(export_demo: Callable[..., Path]) -> Path:
    return export_demo()


def test_labels_and_scores_are_those_of_litert(
    *,
    mediapipe: Path,
    exported: Path,
    precision: str,
    pictures: Path,
    litert_scores: Callable[..., NDArray[np.float64]],
    tmp_path: Path,
) -> None:
    model = exported / f"Demo.{precision}.tflite"
    done = run_there(mediapipe, "run_mediapipe.py", model, pictures, tmp_path / "answers.json")
    assert done.returncode == 0, done.stderr
    answers = json.loads((tmp_path / "answers.json").read_text())

    labels = read_contract(model).labels
    assert {tuple(label for label, _ in answer) for answer in answers} == {labels}
    scores = np.array([[score for _, score in answer] for answer in answers])
    assert np.abs(scores - litert_scores(model)).max() <= LARGEST_DIFFERENCE[precision]
