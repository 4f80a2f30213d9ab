"""Compressed files: they hold what was chosen, and are closer to the original than coremltools'."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressing_inputs import pictures

from edgeconv.compressing import mlprogram
from edgeconv.compressing.mlprogram import compressed
from edgeconv.compressing.weights import compress
from edgeconv.errors import CalibrationError
from edgeconv.formats.coreml_inspect import read_precision
from edgeconv.progress import Silent
from edgeconv.runtimes.coreml_reference import load
from edgeconv.runtimes.coreml_reference.activation_calibration import quantize_activations

FITTED, HELD_BACK = pictures(3, 24), pictures(4, 24)
WEIGHTS = {"w8": "int8", "pal8": "palette8", "pal6": "palette6", "pal4": "palette4", "w8a8": "int8"}

SHARE = {"w8": 0.6, "pal4": 0.6, "w8a8": 0.9}
"""Of coremltools' error that ours may be; a small random network profits less from ranges."""


def by_coremltools(model: Any, precision: str) -> Any:
    import coremltools.optimize.coreml as cto

    if precision.startswith("pal"):
        palette = cto.OpPalettizerConfig(
            mode="kmeans", nbits=int(precision[3:]), weight_threshold=200
        )
        return cto.palettize_weights(model, cto.OptimizationConfig(global_config=palette))
    linear = cto.OptimizationConfig(
        global_config=cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=200)
    )
    if precision == "w8a8":
        model = quantize_activations(model, linear, FITTED)
    return cto.linear_quantize_weights(model, linear)


def error(path: Path, original: Any) -> float:
    model = load(path)
    apart = [model.predict(one)["scores"] - original.predict(one)["scores"] for one in HELD_BACK]
    return float(np.abs(apart).mean())


@pytest.mark.parametrize("precision", ["w8", "pal4", "w8a8"])
def test_is_what_it_says_and_closer_than_coremltools_own(
    precision: str, float_program: Any, float_model: Any, tmp_path: Path
) -> None:
    if precision.startswith("pal"):
        pytest.importorskip("sklearn", reason="coremltools clusters with scikit-learn")
    with contextlib.redirect_stderr(io.StringIO()):
        ours = compressed(float_program, precision, FITTED, Silent())
        theirs = by_coremltools(float_program, precision)
    ours.save(str(tmp_path / "ours.mlpackage"))
    theirs.save(str(tmp_path / "theirs.mlpackage"))
    found = read_precision(tmp_path / "ours.mlpackage", asked=precision)
    assert found.weight_type == WEIGHTS[precision]
    assert found.float_ops == (1.0 if precision != "w8a8" else pytest.approx(0.2, abs=0.1))
    assert found.activation_type == ("uint8" if precision == "w8a8" else "float16")
    assert found.needs == "iOS 17, macOS 14"
    ours_off = error(tmp_path / "ours.mlpackage", float_model)
    theirs_off = error(tmp_path / "theirs.mlpackage", float_model)
    assert 0 < ours_off < SHARE[precision] * theirs_off


@pytest.mark.parametrize("bits", [None, 4])
def test_the_file_holds_the_chosen_weights(
    bits: int | None, float_program: Any, float_model: Any, tmp_path: Path
) -> None:
    chosen = compress(float_model, FITTED, Silent(), palette_bits=bits)
    precision = "w8" if bits is None else "pal4"
    with contextlib.redirect_stderr(io.StringIO()):
        compressed(float_program, precision, FITTED, Silent()).save(str(tmp_path / "a.mlpackage"))
    stored = {
        constant.name.removesuffix("_quantized").removesuffix("_palettized"): constant.stored
        for constant in load(tmp_path / "a.mlpackage").program.constants()
    }
    held = {**chosen.palettes, **chosen.int8, **chosen.biases}
    assert len(held) == 10
    for name, values in held.items():
        np.testing.assert_allclose(stored[name], values, rtol=2e-3, atol=1e-6)


def test_a_layer_that_lost_its_bias_correction_is_worse(
    float_program: Any, float_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(name: str) -> float:
        with contextlib.redirect_stderr(io.StringIO()):
            compressed(float_program, "pal4", FITTED, Silent()).save(str(tmp_path / name))
        return error(tmp_path / name, float_model)

    whole = off("whole.mlpackage")
    spoiled = mlprogram.compress

    def without_biases(*given: Any, **options: Any) -> Any:
        made = spoiled(*given, **options)
        made.biases.clear()
        return made

    monkeypatch.setattr(mlprogram, "compress", without_biases)
    assert off("spoiled.mlpackage") > 1.5 * whole


def test_no_samples(float_model: Any) -> None:
    with pytest.raises(CalibrationError, match="without samples"):
        compress(float_model, [], Silent())
