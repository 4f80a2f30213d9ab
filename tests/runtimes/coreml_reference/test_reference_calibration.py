"""W8A8 calibrated off a Mac, with the reference executor in place of ``predict``."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.errors import CalibrationError, ConversionError
from edgeconv.runtimes.coreml_reference import load
from edgeconv.runtimes.coreml_reference.activation_calibration import (
    activation_ranges,
    quantize_activations,
)


@pytest.fixture(scope="module")
def float_model() -> Any:
    """A small fp16 network for iOS 17; coremltools 9.0 cannot quantise activations in float32."""
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    rng = np.random.default_rng(21)
    first = rng.normal(0, 0.3, (16, 3, 3, 3)).astype(np.float32)
    second = rng.normal(0, 0.3, (16, 16, 3, 3)).astype(np.float32)
    dense = rng.normal(0, 0.3, (5, 32)).astype(np.float32)

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 3, 12, 12))], opset_version=ct.target.iOS17)
    def program(x: Any) -> Any:
        y = mb.relu(x=mb.conv(x=x, weight=first, pad_type="same"), name="rectified")
        z = mb.relu(x=mb.conv(x=y, weight=second, pad_type="same"))
        pooled = mb.reduce_mean(x=mb.concat(values=[y, z], axis=1), axes=[2, 3])
        return mb.linear(x=pooled, weight=dense, name="scores")

    with contextlib.redirect_stderr(io.StringIO()):
        return ct.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            skip_model_load=True,
        )


def config() -> Any:
    import coremltools.optimize.coreml as cto

    return cto.OptimizationConfig(
        global_config=cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=16)
    )


def samples() -> list[dict[str, Any]]:
    """The widest sample first: coremltools' own calibration would forget it."""
    rng = np.random.default_rng(3)
    return [
        {"x": rng.normal(0, deviation, (1, 3, 12, 12)).astype(np.float32)}
        for deviation in (3.0, 1.0, 1.0)
    ]


def test_both_executors_run_what_it_makes(float_model: Any, tmp_path: Path) -> None:
    import coremltools.optimize.coreml as cto

    with contextlib.redirect_stderr(io.StringIO()):
        quantised = quantize_activations(float_model, config(), samples())
        cto.linear_quantize_weights(quantised, config()).save(str(tmp_path / "w8a8.mlpackage"))
    float_model.save(str(tmp_path / "float.mlpackage"))

    fast = load(tmp_path / "w8a8.mlpackage")
    oracle = load(tmp_path / "w8a8.mlpackage", executor="numpy")
    whole = load(tmp_path / "float.mlpackage")
    kinds = [operation.type for operation in fast.program.operations]
    assert kinds.count("quantize") >= 3
    assert "int8" in {constant.precision for constant in fast.program.constants()}
    spread = np.std([whole.predict(sample)["scores"] for sample in samples()])
    for sample in samples():
        scores = np.asarray(fast.predict(sample)["scores"])
        # a sum in another order may fall on the other side of a quantisation step
        np.testing.assert_allclose(scores, oracle.predict(sample)["scores"], atol=0.02 * spread)
        drift = np.abs(scores - whole.predict(sample)["scores"]).max()
        assert 0 < drift < 0.2 * spread


def test_ranges_span_all_samples(float_model: Any, tmp_path: Path) -> None:
    float_model.save(str(tmp_path / "float.mlpackage"))
    model = load(tmp_path / "float.mlpackage")
    ranges = activation_ranges(model, samples())
    values = np.concatenate(
        [
            model.intermediates(sample, ["rectified_cast_fp16"])["rectified_cast_fp16"]
            for sample in samples()
        ]
    )
    assert ranges["rectified_cast_fp16"] == {"rmin": values.min(), "rmax": values.max()}
    assert ranges["x"]["rmax"] == max(sample["x"].max() for sample in samples())
    assert "scores" not in ranges


def test_no_samples(float_model: Any) -> None:
    with pytest.raises(CalibrationError, match="without samples"):
        quantize_activations(float_model, config(), [])


def test_another_version_of_coremltools(float_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coremltools.__version__", "9.1")
    with pytest.raises(ConversionError, match="this coremltools"):
        quantize_activations(float_model, config(), samples())
