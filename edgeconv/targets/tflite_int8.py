"""Full-integer TFLite: tensorflow's own quantiser, given the ranges of all activations.

Tensorflow's calibrator takes three times as long as the kernels that it watches, and reads some
activations when others lie in their memory already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.tflite_flatbuffer import pack, unpack

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT


def to_int8(
    model: bytes, calibration: Iterable[NDArray[np.float32]], *, pixels: bool, plain_dense: bool
) -> bytes:
    """Quantise weights (per channel) and activations.

    Args:
        model: a float32 TFLite file with one input.
        calibration: inputs of the file, in its shape.
        pixels: whether input and scores become uint8; otherwise they stay float32.
        plain_dense: one scale a dense layer instead of one a channel.

    Source: "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference" (Jacob et al., 2018), and TFLite's quantisation specification.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    outside = tf.uint8 if pixels else tf.float32
    return bytes(
        mlir_quantize(
            _with_ranges(model, calibration),
            input_data_type=outside,
            output_data_type=outside,
            disable_per_channel_for_dense_layers=plain_dense,
        )
    )


def _with_ranges(model: bytes, calibration: Iterable[NDArray[np.float32]]) -> bytes:
    """The model, each activation with the least and the greatest value that it took."""
    from ai_edge_litert.schema_py_generated import QuantizationParametersT

    unpacked = unpack(model)
    tensors = unpacked.subgraphs[0].tensors
    ranges_of = _ranges(model, _activations(unpacked), calibration)
    for index, (least, greatest) in ranges_of.items():
        ranges = QuantizationParametersT()
        ranges.min, ranges.max = [least], [greatest]
        tensors[index].quantization = ranges
    return pack(unpacked)


def _ranges(
    model: bytes, activations: Sequence[int], calibration: Iterable[NDArray[np.float32]]
) -> dict[int, tuple[float, float]]:
    interpreter = _watched(model)
    (given,) = interpreter.get_input_details()
    found: dict[int, tuple[float, float]] = {}
    for inputs in calibration:
        interpreter.set_tensor(given["index"], inputs)
        interpreter.invoke()
        for index in activations:
            values = interpreter.tensor(index)()
            least, greatest = found.get(index, (np.inf, -np.inf))
            found[index] = (
                min(least, float(values.min())),
                max(greatest, float(values.max())),
            )
            del values  # a view into the interpreter, which refuses to run while one is held
    return found


def _watched(model: bytes) -> Any:
    """An interpreter that keeps every activation, by one thread whatever the machine."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model,
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    return interpreter


def _activations(unpacked: ModelT) -> list[int]:
    """Indices of the float32 tensors that are computed, not stored."""
    from ai_edge_litert.schema_py_generated import TensorType

    return [
        index
        for index, tensor in enumerate(unpacked.subgraphs[0].tensors)
        if tensor.type == TensorType.FLOAT32 and unpacked.buffers[tensor.buffer].data is None
    ]
