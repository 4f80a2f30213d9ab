"""The demo's TFLite files, exported by edgeconv itself, and what LiteRT here makes of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

PRECISIONS = ("fp32", "fp16", "dynamic", "int8")


@pytest.fixture(scope="session")
def export_demo(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Export the demo's TFLite files with further options; gives their folder."""

    def export(*options: str) -> Path:
        folder = tmp_path_factory.mktemp("demo")
        cli = "from edgeconv.cli import main; main()"
        demo = ["export", "demo", "--target", "tflite", "--no-verify", "--out", str(folder)]
        subprocess.run([sys.executable, "-c", cli, *demo, *options], check=True)
        return folder

    return export


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 generated pictures of the demo's size, clear and hard ones, as (N, H, W, 3) uint8."""
    from edgeconv.generated import examples

    path = tmp_path_factory.mktemp("pictures") / "pictures.npy"
    np.save(path, np.stack([one.draw((224, 224)) for one in examples(per_label=8, seed=20)]))
    return path


@pytest.fixture(scope="session")
def litert_scores(pictures: Path) -> Callable[..., NDArray[np.float64]]:
    """Scores by LiteRT here: by XNNPACK, as it comes, or by its built-in kernels alone."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    def scores(path: Path, *, xnnpack: bool = True) -> NDArray[np.float64]:
        kernels = (
            OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        interpreter = Interpreter(
            model_path=str(path), num_threads=1, experimental_op_resolver_type=kernels
        )
        interpreter.allocate_tensors()
        image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        step, zero_point = output["quantization"]
        rows = []
        for picture in np.load(pictures):
            interpreter.set_tensor(image["index"], picture[None].astype(image["dtype"]))
            interpreter.invoke()
            rows.append(interpreter.get_tensor(output["index"])[0].astype(np.float64))
        found: NDArray[np.float64] = (np.stack(rows) - zero_point) * (step or 1)
        assert found.std(axis=0).min() > 0.05, "scores that do not vary would prove nothing"
        return found

    return scores


@pytest.fixture(params=PRECISIONS)
def precision(request: pytest.FixtureRequest) -> str:
    """Each precision of a TFLite file."""
    return str(request.param)
