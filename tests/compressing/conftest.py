from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressing_inputs import SIDE

from edgeconv.runtimes.coreml_reference import load


@pytest.fixture(scope="session")
def float_program() -> Any:
    """A small fp16 network for iOS 17: plain, depthwise, strided and dilated convolutions."""
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    rng = np.random.default_rng(21)

    def weights(*shape: int) -> Any:
        fan_in = np.prod(shape[1:])
        return (rng.normal(0, 1, shape) / np.sqrt(fan_in)).astype(np.float32)

    def bias(size: int) -> Any:
        return rng.normal(0, 0.1, size).astype(np.float32)

    @mb.program(
        input_specs=[mb.TensorSpec(shape=(1, 3, SIDE, SIDE))], opset_version=ct.target.iOS17
    )
    def program(x: Any) -> Any:
        stem = mb.conv(x=x, weight=weights(24, 3, 3, 3), bias=bias(24), pad_type="same")
        wide = mb.relu6(x=mb.conv(x=mb.relu6(x=stem), weight=weights(96, 24, 1, 1), bias=bias(96)))
        deep = mb.conv(
            x=wide, weight=weights(96, 1, 3, 3), bias=bias(96), groups=96, strides=[2, 2],
            pad_type="custom", pad=[0, 1, 0, 1],
        )  # fmt: skip
        far = mb.conv(
            x=mb.relu6(x=deep), weight=weights(96, 96, 3, 3), dilations=[2, 2], bias=bias(96),
            pad_type="same",
        )  # fmt: skip
        pooled = mb.reduce_mean(x=mb.add(x=far, y=deep), axes=[2, 3])
        return mb.linear(x=pooled, weight=weights(5, 96), bias=bias(5), name="scores")

    with contextlib.redirect_stderr(io.StringIO()):
        return ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            skip_model_load=True,
        )


@pytest.fixture(scope="session")
def float_model(float_program: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("float") / "float.mlpackage"
    float_program.save(str(path))
    return load(path)
