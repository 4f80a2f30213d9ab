"""What a Core ML file is made of, as read back from the finished file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeconv.formats.coreml_inspect import DEPLOYMENT_TARGETS
from edgeconv.runtimes.coreml_reference.features import (
    InputFeature,
    OutputFeature,
    input_features,
    output_features,
)
from edgeconv.runtimes.coreml_reference.package import ModelFile, open_model_file
from edgeconv.runtimes.coreml_reference.program import Constant, Program
from edgeconv.runtimes.coreml_reference.reader import read_program


@dataclass(frozen=True)
class Summary:
    """A Core ML file at a glance.

    Attributes:
        path: the file.
        kind: ``"mlProgram"``, ``"neuralNetwork"`` or ``"neuralNetworkClassifier"``.
        opset: of an ML Program, for instance ``"CoreML7"``; else ``"NeuralNetwork"``.
        deployment_target: the first systems that take the file.
        operations: how often each operation, or layer kind, stands in it; most frequent first.
        weights: how many weight values lie in the file in which form (``"fp16"``, ``"int8"``,
            ``"palettised 4 bit"``); most frequent first.
        activations: how many results are declared of which element type; empty for a
            NeuralNetwork, which declares none.
    """

    path: Path
    kind: str
    opset: str
    specification_version: int
    deployment_target: str
    operations: Mapping[str, int]
    weights: Mapping[str, int]
    activations: Mapping[str, int]
    inputs: tuple[InputFeature, ...]
    outputs: tuple[OutputFeature, ...]
    labels: tuple[str, ...] | None
    user_defined_metadata: Mapping[str, str]


def inspect(path: Path) -> Summary:
    """Read a ``.mlmodel`` or ``.mlpackage`` without running it.

    Raises:
        ArtifactError: the file is malformed, or uses what the reference executor does not know.
    """
    file = open_model_file(path)
    program = read_program(file)
    specification = file.specification
    version = int(specification.specificationVersion)
    return Summary(
        path=path,
        kind=specification.WhichOneof("Type"),
        opset=program.opset,
        specification_version=version,
        deployment_target=DEPLOYMENT_TARGETS.get(version, f"specification version {version}"),
        operations=_operations(file, program),
        weights=weights_by_precision(program),
        activations=_by_count(
            Counter(
                variable.type.element.value
                for operation in program.operations
                for variable in operation.outputs
                if variable.type is not None
            )
        ),
        inputs=input_features(file),
        outputs=output_features(file),
        labels=program.classifier.labels if program.classifier else None,
        user_defined_metadata=dict(specification.description.metadata.userDefined),
    )


def weights_by_precision(program: Program) -> dict[str, int]:
    """How many weight values lie in the file in which form; most frequent first."""
    counts: Counter[str] = Counter()
    for constant in program.constants():
        if is_weight(constant):
            counts[constant.precision] += constant.count
    return _by_count(counts)


def is_weight(constant: Constant) -> bool:
    """Whether a constant is a tensor of floats, rather than an attribute such as a stride."""
    return constant.type.element.is_float and bool(constant.type.shape)


def _operations(file: ModelFile, program: Program) -> dict[str, int]:
    """Layers under their own names, before lowering; operations as they are."""
    if program.opset != "NeuralNetwork":
        return _by_count(Counter(operation.type for operation in program.operations))
    network = getattr(file.specification, file.specification.WhichOneof("Type"))
    return _by_count(Counter(str(layer.WhichOneof("layer")) for layer in network.layers))


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
