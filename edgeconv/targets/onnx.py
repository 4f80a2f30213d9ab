"""ONNX: float32, float16, dynamic and int8, for ONNX Runtime and TensorRT.

Input ``image`` is float32 NCHW, RGB 0..255, batch 1, and ``embedding`` float32 (1, length); output
``scores`` is float32. Opset 17 is the newest that TensorRT 8.6 (JetPack 5) reads.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from edgeconv.architectures import needs_float32
from edgeconv.contract import Contract, EmbeddingTensor, InputTensor, OutputTensor, Precision
from edgeconv.formats.onnx_file import read_structure
from edgeconv.formats.onnx_inspect import read_precision
from edgeconv.formats.onnx_metadata import write_contract
from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.networks import Frozen
from edgeconv.networks.onnx_surgery import quantised_precision, refuse_quantised
from edgeconv.targets import Form, Options
from edgeconv.targets.inputs import described_input
from edgeconv.targets.onnx_dynamic import to_dynamic
from edgeconv.targets.onnx_float16 import to_float16
from edgeconv.targets.onnx_from_graph import from_graph
from edgeconv.targets.onnx_fusing import fuse
from edgeconv.targets.onnx_int8 import to_int8


class OnnxConverter:
    """Converts once to float32; the other precisions are made from that."""

    def __init__(self, frozen: Frozen, options: Options) -> None:
        self._frozen = frozen
        self._options = options

    def write(self, form: Form, path: Path) -> None:
        """Write one precision, without its contract.

        A network that came as quantised ONNX is written as it is.

        Raises:
            ConversionError: tf2onnx refused the graph, the file would be larger than 2 GB, or the
                network is quantised already, to another precision.
        """
        make = {
            "fp32": self._fp32,
            "fp16": self._fp16,
            "dynamic": self._dynamic,
            "int8": self._int8,
        }
        spec = self._frozen.spec
        made = self._float32 if self._is_already(form) else make[form.precision]()
        made.write(path, spec.notice or spec.summary)

    def describe(
        self, form: Form, path: Path
    ) -> tuple[InputTensor | EmbeddingTensor, OutputTensor, Precision]:
        """Input, output and precision as they stand in the written file."""
        model = read_structure(path)
        (given,) = model.graph.input
        (scores,) = model.graph.output
        spec = self._frozen.spec
        return (
            described_input(
                spec.input,
                name=given.name,
                shape=tuple(d.dim_value for d in given.type.tensor_type.shape.dim),
                dtype="float32",
                layout="NCHW",
            ),
            OutputTensor(name=scores.name, kind=spec.output.kind, dtype="float32"),
            read_precision(model, asked=form.precision),
        )

    @staticmethod
    def embed(path: Path, contract: Contract) -> None:
        """Put the contract into ``metadata_props``."""
        write_contract(path, contract)

    def _is_already(self, form: Form) -> bool:
        """Whether the network came as quantised ONNX of just this precision."""
        if self._frozen.onnx is None:
            return False
        proto = self._frozen.onnx.proto
        if quantised_precision(proto) == form.precision:
            return True
        refuse_quantised(proto, self._frozen.spec.name, f"ONNX {form.precision}")
        return False

    @cached_property
    def _float32(self) -> OnnxModel:
        if self._frozen.onnx is not None:
            return self._frozen.onnx
        return _drawn(self._frozen)

    def _fp32(self) -> OnnxModel:
        return self._float32

    def _fp16(self) -> OnnxModel:
        return to_float16(self._float32, needs_float32(self._frozen.spec))

    def _dynamic(self) -> OnnxModel:
        return to_dynamic(self._float32, needs_float32(self._frozen.spec))

    def _int8(self) -> OnnxModel:
        assert self._options.calibration is not None
        quantisable = self._options.quantisable
        model = self._float32 if quantisable is None else _drawn(quantisable)
        return to_int8(
            model,
            self._options.calibration,
            self._frozen.input_name,
            needs_float32(self._frozen.spec),
        )


def _drawn(frozen: Frozen) -> OnnxModel:
    model = from_graph(frozen)
    fuse(model)
    return model
