"""Files that coremltools' PyTorch front end makes, against torch's own outputs.

torch lives in an environment of its own: name its interpreter in ``EDGECONV_TORCH_PYTHON``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.runtimes.coreml_reference import load

VARIABLE = "EDGECONV_TORCH_PYTHON"
CONVERT = Path(__file__).parent / "torch_models" / "convert.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = os.environ.get(VARIABLE, sys.executable)
    probe = [python, "-c", "import torch, coremltools"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no torch and coremltools; set {VARIABLE}")
    out = tmp_path_factory.mktemp("torch")
    run = subprocess.run([python, CONVERT, out], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return out


@pytest.mark.parametrize("name", ["resnet", "convnext", "vit", "efficientnet"])
def test_the_file_computes_what_torch_computes(name: str, converted: Path) -> None:
    data = np.load(converted / f"{name}.npz")
    expected = data["outputs"]
    assert expected.std(axis=0).max() > 0.01, "outputs that do not vary prove nothing"

    def scores(file: str, executor: Any, mode: Any = "exact") -> Any:
        model = load(converted / file, executor=executor, mode=mode)
        return np.concatenate(
            [model.predict({"image": image})["scores"] for image in data["pixels"]]
        )

    whole = scores(f"{name}.mlpackage", "onnx")
    np.testing.assert_allclose(whole, expected, atol=1e-4)
    np.testing.assert_allclose(scores(f"{name}.mlpackage", "numpy"), whole, atol=5e-5)

    half = scores(f"{name}-fp16.mlpackage", "onnx")
    np.testing.assert_allclose(half, expected, atol=0.06)
    np.testing.assert_allclose(scores(f"{name}-fp16.mlpackage", "numpy"), half, atol=5e-5)

    rounded = scores(f"{name}-fp16.mlpackage", "onnx", "fp16")
    np.testing.assert_allclose(rounded, expected, atol=0.1)
    assert np.abs(rounded - half).max() > 0
