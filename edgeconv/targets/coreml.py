"""Core ML: neural network ``.mlmodel`` and ML program ``.mlpackage``.

Both take an RGB image ``image`` and give ``label`` and ``scores`` (label -> score).
"""

from __future__ import annotations

import io
import logging
import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from edgeconv.contract import METADATA_KEY, Contract, InputTensor, OutputTensor, Precision
from edgeconv.errors import ConversionError
from edgeconv.formats.coreml_file import load_proto, save_new, save_proto
from edgeconv.formats.coreml_inspect import read_precision
from edgeconv.frozen import INPUT_NAME, OUTPUT_NAME, FrozenGraph
from edgeconv.targets import Form, Options

LABEL_NAME = "label"
DATE_STAMP = "com.github.apple.coremltools.conversion_date"
PREVIEW_TYPE = "com.apple.coreml.model.preview.type"

os.environ.setdefault("TQDM_DISABLE", "1")  # read when coremltools imports tqdm
logging.getLogger("coremltools").setLevel(logging.ERROR)


class CoreMLConverter:
    """Converts by coremltools, from the one frozen graph."""

    def __init__(self, frozen: FrozenGraph, options: Options) -> None:
        self._frozen = frozen
        self._options = options

    def write(self, form: Form, path: Path) -> None:
        """Write one form, without its contract.

        Raises:
            ConversionError: coremltools refused the graph.
        """
        import coremltools as ct

        is_program = form.suffix == ".mlpackage"
        how = (
            {
                "convert_to": "mlprogram",
                "compute_precision": ct.precision.FLOAT16
                if form.precision == "fp16"
                else ct.precision.FLOAT32,
                "minimum_deployment_target": getattr(ct.target, f"iOS{self._options.minimum_ios}"),
            }
            if is_program
            else {"convert_to": "neuralnetwork", "minimum_deployment_target": ct.target.iOS13}
        )
        spec = self._frozen.spec
        image = ct.ImageType(
            name=INPUT_NAME, shape=(1, *spec.input.size, 3), color_layout=ct.colorlayout.RGB
        )
        try:
            model = ct.convert(
                [self._frozen.function],
                inputs=[image],
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
        proto = model.get_spec()
        _name_outputs(proto)
        save_new(proto, getattr(model, "weights_dir", None), path)

    def describe(self, form: Form, path: Path) -> tuple[InputTensor, OutputTensor, Precision]:
        """Input, output and precision as they stand in the written file."""
        spec = self._frozen.spec
        proto = load_proto(path)
        (image,) = proto.description.input
        size = (image.type.imageType.height, image.type.imageType.width)
        return (
            InputTensor(
                **dict(spec.input.preprocessing),
                name=image.name,
                shape=(1, *size, 3),
                dtype="uint8",
                layout="NHWC",
            ),
            OutputTensor(
                name=proto.description.predictedProbabilitiesName,
                kind=spec.output.kind,
                dtype="float32",
            ),
            read_precision(path, asked=form.precision),
        )

    def embed(self, path: Path, contract: Contract) -> None:
        """Put the contract, author, licence and descriptions into the file."""
        proto = load_proto(path)
        metadata = proto.description.metadata
        metadata.shortDescription = contract.notice or contract.summary
        metadata.author = contract.source.author or ""
        metadata.license = contract.source.licence or ""
        metadata.versionString = self._frozen.spec.version
        metadata.userDefined.pop(DATE_STAMP, None)
        metadata.userDefined[METADATA_KEY] = contract.to_json()
        metadata.userDefined[PREVIEW_TYPE] = "imageClassifier"
        size = " x ".join(map(str, contract.input.size))
        described = {
            contract.input.name: f"RGB picture, {size}; normalisation is inside the model",
            LABEL_NAME: "The most likely label",
            contract.output.name: "Label to score, 0..1",
        }
        for feature in (*proto.description.input, *proto.description.output):
            feature.shortDescription = described[feature.name]
        save_proto(proto, path)


def _name_outputs(proto: Any) -> None:
    """``label`` and ``scores``, whatever coremltools calls them (``Identity``, ``classLabel``)."""
    from coremltools.models.utils import rename_feature

    description = proto.description
    rename_feature(proto, description.predictedFeatureName, LABEL_NAME)
    if description.predictedProbabilitiesName != OUTPUT_NAME:
        rename_feature(proto, description.predictedProbabilitiesName, OUTPUT_NAME)
