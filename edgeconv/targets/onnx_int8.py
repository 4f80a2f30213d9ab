"""ONNX in int8 as QDQ: activations and weights rounded, with ranges from calibration pictures."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.onnx_model import OnnxModel

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

QUANTISED_OPS_OF_TRANSFORMERS = ["Conv", "Gemm", "MatMul"]
"""With its residuals and normalisations in uint8 too, a ViT answers near chance."""


def to_int8(model: OnnxModel, calibration: NDArray[Any], input_name: str) -> OnnxModel:
    """Static QDQ by ONNX Runtime: uint8 activations, int8 weights per channel.

    Args:
        model: in float32; it is left as it is.
        calibration: (N, H, W, 3) uint8 pixels, or (N, length) float32 embeddings.
        input_name: which input takes them.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    is_transformer = any(n.op_type == "LayerNormalization" for n in model.proto.graph.node)
    inferred = OnnxModel(onnx.shape_inference.infer_shapes(model.proto), model.weights)
    logging.getLogger().setLevel(logging.ERROR)  # it advises pre-processing we have done
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        inferred.write(source)
        quantize_static(
            source,
            made,
            _Calibration(calibration, input_name),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED_OPS_OF_TRANSFORMERS if is_transformer else QUANTISED_OPS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return OnnxModel(onnx.load(made))


class _Calibration:
    """Feeds calibration pictures or rows to ONNX Runtime's calibrator, one at a time."""

    def __init__(self, inputs: NDArray[Any], name: str) -> None:
        self._tensors = ({name: _as_tensor(given)} for given in inputs)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._tensors, None)


def _as_tensor(given: NDArray[Any]) -> NDArray[np.float32]:
    """(H, W, 3) pixels as (1, 3, H, W), or a row (length,) as (1, length)."""
    laid_out = given.transpose(2, 0, 1) if given.ndim == 3 else given
    return laid_out[None].astype(np.float32)
