"""ONNX in int8 as QDQ: activations and weights rounded, with ranges from calibration pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.targets.onnx_int8_dense import Inputs, to_int8_dense

# Softmax stays in float: its scores would otherwise be rounded to 1/256.
QUANTISED_OPS = [
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Mul",
    "AveragePool",
    "GlobalAveragePool",
    "MaxPool",
    "Clip",
    "Relu",
    "Pad",
    "Concat",
    "Reshape",
    "Flatten",
    "Transpose",
]


def to_int8(
    model: OnnxModel,
    calibration: NDArray[Any],
    input_name: str,
    stays_float32: Callable[[str], bool],
) -> OnnxModel:
    """Static QDQ: uint8 activations, int8 weights per channel.

    By ONNX Runtime's tool; a transformer by :mod:`~edgeconv.targets.onnx_int8_dense`.

    Args:
        model: in float32; it is left as it is.
        calibration: (N, H, W, 3) uint8 pixels, or (N, length) float32 embeddings.
        input_name: which input takes them.
        stays_float32: whether the node of that name is left alone.
    """
    tensors = ({input_name: _as_tensor(given)} for given in calibration)
    if any(node.op_type == "LayerNormalization" for node in model.proto.graph.node):
        return to_int8_dense(model, tensors, stays_float32)
    return _by_onnx_runtime(model, tensors)


def _by_onnx_runtime(model: OnnxModel, tensors: Iterator[Inputs]) -> OnnxModel:
    import onnx
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    inferred = OnnxModel(onnx.shape_inference.infer_shapes(model.proto), model.weights)
    logging.getLogger().setLevel(logging.ERROR)  # it advises pre-processing we have done
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        inferred.write(source)
        quantize_static(
            source,
            made,
            _Calibration(tensors),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED_OPS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return OnnxModel(onnx.load(made))


class _Calibration:
    """Feeds calibration pictures or rows to ONNX Runtime's calibrator, one at a time."""

    def __init__(self, tensors: Iterator[Inputs]) -> None:
        self._tensors = tensors

    def get_next(self) -> Inputs | None:
        return next(self._tensors, None)


def _as_tensor(given: NDArray[Any]) -> NDArray[np.float32]:
    """(H, W, 3) pixels as (1, 3, H, W), or a row (length,) as (1, length)."""
    laid_out = given.transpose(2, 0, 1) if given.ndim == 3 else given
    return laid_out[None].astype(np.float32)
