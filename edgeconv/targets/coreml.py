"""Core ML: neural network ``.mlmodel`` and ML program ``.mlpackage``.

Both take an RGB image ``image``, or a float32 array ``embedding`` (1, length), and give ``label``
and ``scores`` (label -> score).
"""

from __future__ import annotations

import gc
import io
import logging
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from edgeconv.architectures import needs_float32
from edgeconv.contract import (
    METADATA_KEY,
    Contract,
    EmbeddingTensor,
    InputTensor,
    OutputTensor,
    Precision,
)
from edgeconv.errors import ConversionError
from edgeconv.formats.coreml_file import load_proto, save_new, save_proto
from edgeconv.formats.coreml_inspect import read_precision
from edgeconv.freezing import light_graph
from edgeconv.frozen import OUTPUT_NAME
from edgeconv.networks import Frozen
from edgeconv.spec import Embedding
from edgeconv.targets import FIRST_IOS, Form, Options
from edgeconv.targets.inputs import described_input

LABEL_NAME = "label"
MOST_FITTED = 48
"""Inputs that compressed weights are fitted to; all that they are inside is kept in memory."""

DATE_STAMP = "com.github.apple.coremltools.conversion_date"
PREVIEW_TYPE = "com.apple.coreml.model.preview.type"

os.environ.setdefault("TQDM_DISABLE", "1")  # read when coremltools imports tqdm
logging.getLogger("coremltools").setLevel(logging.ERROR)


class CoreMLConverter:
    """Converts by coremltools, from the one frozen graph."""

    def __init__(self, frozen: Frozen, options: Options) -> None:
        self._frozen = frozen
        self._options = options

    def write(self, form: Form, path: Path) -> None:
        """Write one form, without its contract.

        Raises:
            ConversionError: coremltools refused the graph.
        """
        import coremltools as ct

        from edgeconv.targets.coreml_loading import reading_light_graphs

        is_program = form.suffix == ".mlpackage"
        named = needs_float32(self._frozen.spec)
        how = (
            {
                "convert_to": "mlprogram",
                "compute_precision": ct.transform.FP16ComputePrecision(
                    op_selector=lambda operation: not _stays_float32(operation, named)
                )
                if form.precision != "fp32"
                else ct.precision.FLOAT32,
                "minimum_deployment_target": getattr(ct.target, f"iOS{self._first_ios(form)}"),
            }
            if is_program
            else {"convert_to": "neuralnetwork", "minimum_deployment_target": ct.target.iOS13}
        )
        spec, graph = self._frozen.spec, light_graph(self._frozen.function)
        try:
            with reading_light_graphs():
                model = ct.convert(
                    graph,
                    source="tensorflow",
                    inputs=[self._input_type()],
                    classifier_config=ct.ClassifierConfig(list(spec.labels)),
                    skip_model_load=True,
                    **how,
                )
        except Exception as error:
            raise ConversionError(
                f"Core ML cannot express {spec.name} as {path.suffix}", got=str(error)
            ) from error
        if form.precision == "fp16" and not is_program:
            from coremltools.models.neural_network import quantization_utils

            with redirect_stdout(io.StringIO()):  # it prints a line a layer
                model = quantization_utils.quantize_weights(model, nbits=16)
        if form.precision in FIRST_IOS:
            from edgeconv.compressing.mlprogram import compressed

            model = compressed(model, form.precision, self._samples(), self._options.progress)
        proto = model.get_spec()
        _name_outputs(proto)
        proto.description.metadata.versionString = spec.version
        save_new(proto, getattr(model, "weights_dir", None), path)
        del model
        gc.collect()  # coremltools' programs are knots, each with a copy of all weights

    def describe(
        self, form: Form, path: Path
    ) -> tuple[InputTensor | EmbeddingTensor, OutputTensor, Precision]:
        """Input, output and precision as they stand in the written file."""
        spec = self._frozen.spec
        proto = load_proto(path)
        (given,) = proto.description.input
        return (
            described_input(
                spec.input, name=given.name, shape=_shape(given), dtype="uint8", layout="NHWC"
            ),
            OutputTensor(
                name=proto.description.predictedProbabilitiesName,
                kind=spec.output.kind,
                dtype="float32",
            ),
            read_precision(path, asked=form.precision),
        )

    @staticmethod
    def embed(path: Path, contract: Contract) -> None:
        """Put the contract, author, licence and descriptions into the file."""
        proto = load_proto(path)
        metadata = proto.description.metadata
        metadata.shortDescription = contract.notice or contract.summary
        metadata.author = contract.source.author or ""
        metadata.license = contract.source.licence or ""
        metadata.userDefined.pop(DATE_STAMP, None)
        metadata.userDefined[METADATA_KEY] = contract.to_json()
        if isinstance(contract.input, InputTensor):
            metadata.userDefined[PREVIEW_TYPE] = "imageClassifier"
        described = {
            contract.input.name: _in_words(contract.input),
            LABEL_NAME: "The most likely label",
            contract.output.name: "Label to score"
            + ("" if contract.output.kind == "linear" else ", 0..1"),
        }
        for feature in (*proto.description.input, *proto.description.output):
            feature.shortDescription = described[feature.name]
        save_proto(proto, path)

    def _first_ios(self, form: Form) -> int:
        return max(self._options.minimum_ios, FIRST_IOS.get(form.precision, 0))

    def _samples(self) -> list[dict[str, Any]]:
        """At most :data:`MOST_FITTED` calibration inputs, spread evenly."""
        inputs = self._options.calibration
        if inputs is None:
            return []
        chosen = np.unique(np.linspace(0, len(inputs) - 1, MOST_FITTED).round().astype(int))
        shape = (1, -1) if inputs.ndim == 2 else inputs.shape[1:]
        return [{self._frozen.input_name: inputs[index].reshape(shape)} for index in chosen]

    def _input_type(self) -> Any:
        import coremltools as ct

        name, shape = self._frozen.input_name, self._frozen.input_shape
        if isinstance(self._frozen.spec.input, Embedding):
            return ct.TensorType(name=name, shape=shape, dtype=np.float32)
        return ct.ImageType(name=name, shape=shape, color_layout=ct.colorlayout.RGB)


def _shape(given: Any) -> tuple[int, ...]:
    """The shape of an input feature; a picture is (1, H, W, 3)."""
    if given.type.WhichOneof("Type") == "imageType":
        return (1, given.type.imageType.height, given.type.imageType.width, 3)
    return tuple(given.type.multiArrayType.shape)


def _in_words(given: InputTensor | EmbeddingTensor) -> str:
    if isinstance(given, EmbeddingTensor):
        norm = " of Euclidean norm one" if given.unit else ""
        made_by = f", made by {given.made_by}" if given.made_by else ""
        return f"Embedding{norm}, {given.length} numbers{made_by}"
    size = " x ".join(map(str, given.size))
    return f"RGB picture, {size}; normalisation is inside the model"


def _stays_float32(operation: Any, named: Callable[[str], bool]) -> bool:
    """Whether a MIL operation computes in float32: by its name, or as a constant for one that does.

    coremltools transposes weights by operations of its own, whose names tell nothing.
    """
    if named(operation.name):
        return True
    constants = [output for output in operation.outputs if output.val is not None]
    return any(named(reader.name) for constant in constants for reader in constant.child_ops)


def _name_outputs(proto: Any) -> None:
    """``label`` and ``scores``, whatever coremltools calls them (``Identity``, ``classLabel``)."""
    from coremltools.models.utils import rename_feature

    description = proto.description
    rename_feature(proto, description.predictedFeatureName, LABEL_NAME)
    if description.predictedProbabilitiesName != OUTPUT_NAME:
        rename_feature(proto, description.predictedProbabilitiesName, OUTPUT_NAME)
