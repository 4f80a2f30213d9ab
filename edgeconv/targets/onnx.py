"""ONNX: float32, float16, and int8 as QDQ, for ONNX Runtime and TensorRT.

Input ``image`` is float32 NCHW, RGB 0..255, batch 1; output ``scores`` is float32. Opset 17 is the
newest that TensorRT 8.6 (JetPack 5) reads.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.contract import METADATA_KEY, Contract, InputTensor, OutputTensor, Precision
from edgeconv.errors import ConversionError
from edgeconv.formats.onnx_inspect import read_precision
from edgeconv.frozen import INPUT_NAME, OUTPUT_NAME, FrozenGraph
from edgeconv.targets import Form, Options

OPSET = 17

_NUMBER = re.compile(r"__\d+")

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


class OnnxConverter:
    """Converts once to float32 by tf2onnx; the other precisions are made from that."""

    def __init__(self, frozen: FrozenGraph, options: Options) -> None:
        self._frozen = frozen
        self._options = options

    def write(self, form: Form, path: Path) -> None:
        """Write one precision, without its contract.

        Raises:
            ConversionError: tf2onnx refused the graph.
        """
        import onnx

        make = {"fp32": self._fp32, "fp16": self._fp16, "int8": self._int8}[form.precision]
        path.write_bytes(_serialised(make()))
        onnx.checker.check_model(str(path), full_check=True)

    def describe(self, form: Form, path: Path) -> tuple[InputTensor, OutputTensor, Precision]:
        """Input, output and precision as they stand in the written file."""
        import onnx

        model = onnx.load(path)
        (image,) = model.graph.input
        (scores,) = model.graph.output
        spec = self._frozen.spec
        return (
            InputTensor(
                **dict(spec.input.preprocessing),
                name=image.name,
                shape=tuple(d.dim_value for d in image.type.tensor_type.shape.dim),
                dtype="float32",
                layout="NCHW",
            ),
            OutputTensor(name=scores.name, kind=spec.output.kind, dtype="float32"),
            read_precision(model, asked=form.precision),
        )

    def embed(self, path: Path, contract: Contract) -> None:
        """Put the contract into ``metadata_props`` and the summary into ``doc_string``."""
        import onnx

        model = onnx.load(path)
        model.doc_string = contract.notice or contract.summary
        onnx.helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
        path.write_bytes(_serialised(model))

    @cached_property
    def _float32_model(self) -> Any:
        import tf2onnx

        tf2onnx.logging.set_level(logging.ERROR)
        image, scores = f"{INPUT_NAME}:0", f"{OUTPUT_NAME}:0"
        try:
            model, _ = tf2onnx.convert.from_graph_def(
                self._frozen.graph_def,
                input_names=[image],
                output_names=[scores],
                inputs_as_nchw=[image],
                opset=OPSET,
            )
        except Exception as error:
            raise ConversionError(
                f"tf2onnx cannot convert {self._frozen.spec.name}", got=str(error)
            ) from error
        _rename(model.graph, {image: INPUT_NAME, scores: OUTPUT_NAME})
        _settle_names(model.graph)
        return model

    def _fp32(self) -> Any:
        return self._float32_model

    def _fp16(self) -> Any:
        from onnxruntime.transformers.float16 import convert_float_to_float16
        from onnxruntime.transformers.onnx_model import OnnxModel

        model = type(self._float32_model)()
        model.CopyFrom(self._float32_model)
        model = convert_float_to_float16(model, keep_io_types=True)
        OnnxModel.graph_topological_sort(model.graph)  # the casts were appended at the end
        return model

    def _int8(self) -> Any:
        """Static QDQ: uint8 activations, int8 weights per channel."""
        import onnx
        from onnxruntime.quantization import (
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )

        assert self._options.calibration is not None
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
            source.write_bytes(_serialised(onnx.shape_inference.infer_shapes(self._float32_model)))
            logging.getLogger().setLevel(logging.ERROR)  # it advises pre-processing we have done
            quantize_static(
                source,
                made,
                _Calibration(self._options.calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=QUANTISED_OPS,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
            return onnx.load(made)


class _Calibration:
    """Feeds calibration pixels to ONNX Runtime's calibrator, one picture at a time."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._tensors = self._as_tensors(pixels)

    @staticmethod
    def _as_tensors(pixels: NDArray[np.uint8]) -> Iterator[dict[str, NDArray[np.float32]]]:
        for picture in pixels:
            yield {INPUT_NAME: picture.transpose(2, 0, 1)[None].astype(np.float32)}

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._tensors, None)


def _serialised(model: Any) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Rename tensors wherever they appear in a graph."""
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]


def _settle_names(graph: Any) -> None:
    """Name constants and numbered nodes by their order of use, and order the constants so.

    tf2onnx numbers names by a counter of the process, and merges equal constants under the name of
    any one of them: a second export would give other bytes.
    """
    constants = {tensor.name for tensor in graph.initializer}
    settled: dict[str, str] = {}
    for node in graph.node:
        node.name = _NUMBER.sub("", node.name)
        for name in (*node.input, *node.output):
            if name not in settled and _NUMBER.search(name):
                kind = "constant" if name in constants else _NUMBER.sub("", name)
                settled[name] = f"{kind}__{len(settled)}"
    _rename(graph, settled)
    first_use = {
        name: place
        for place, name in reversed(list(enumerate(n for node in graph.node for n in node.input)))
    }
    ordered = sorted(graph.initializer, key=lambda tensor: first_use.get(tensor.name, -1))
    del graph.initializer[:]
    graph.initializer.extend(ordered)
