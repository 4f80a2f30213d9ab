"""Known device traps: what a correct file may still do wrong on a phone.

One small function a trap, registered by :func:`rule`; each yields what was found, why it matters
and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeconv.formats.coreml_inspect import DEPLOYMENT_TARGETS
from edgeconv.runtimes.coreml_reference.element_types import ElementType
from edgeconv.runtimes.coreml_reference.features import (
    ImageFeature,
    input_features,
    output_features,
)
from edgeconv.runtimes.coreml_reference.inspect import is_weight
from edgeconv.runtimes.coreml_reference.package import ModelFile, open_model_file
from edgeconv.runtimes.coreml_reference.program import Constant, Operation, Program
from edgeconv.runtimes.coreml_reference.reader import read_program

_HALF = np.finfo(np.float16)
_PREVIEW_KEY = "com.apple.coreml.model.preview.type"
_OPSET_VERSIONS = {"CoreML5": 6, "CoreML6": 7, "CoreML7": 8, "CoreML8": 9, "CoreML9": 10}
"""The specification version that each opset needs."""


@dataclass(frozen=True)
class Finding:
    """One trap that a file holds.

    Attributes:
        rule: the name of the rule, for instance ``"subnormal-epsilon"``.
        what: what stands in the file.
        why: what a device makes of it.
        do: what to do about it.
        places: the operations, inputs or outputs concerned.
    """

    rule: str
    what: str
    why: str
    do: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What rules look at."""

    file: ModelFile
    program: Program


Rule = Callable[[Subject], Iterator[Finding]]

RULES: dict[str, Rule] = {}
"""The rules, by name."""


def rule(function: Rule) -> Rule:
    """Register a rule under its function's name."""
    RULES[function.__name__.replace("_", "-")] = function
    return function


def lint(path: Path) -> list[Finding]:
    """The traps that a ``.mlmodel`` or ``.mlpackage`` holds.

    Raises:
        ArtifactError: the file is malformed, or uses what the reference executor does not know.
    """
    file = open_model_file(path)
    subject = Subject(file, read_program(file))
    return [finding for check in RULES.values() for finding in check(subject)]


@rule
def subnormal_epsilon(subject: Subject) -> Iterator[Finding]:
    """An epsilon that fp16 arithmetic cannot hold."""
    places = [
        operation.place
        for operation in subject.program.operations
        if _computes_in_half(operation)
        and (epsilon := _scalar(operation, "epsilon")) is not None
        and abs(epsilon) < _HALF.smallest_normal
    ]
    if places:
        yield Finding(
            "subnormal-epsilon",
            f"{len(places)} operations in fp16 with an epsilon below {_HALF.smallest_normal:.2e}",
            "a device may flush it to zero, and divide by zero on a constant input",
            "use an epsilon of 1e-4 or more, or keep these operations in float32",
            tuple(places),
        )


@rule
def beyond_fp16(subject: Subject) -> Iterator[Finding]:
    """Weights that become infinite in fp16."""
    places = [
        constant.name
        for constant in subject.program.constants()
        if is_weight(constant) and _overflows(constant)
    ]
    if places:
        yield Finding(
            "beyond-fp16",
            f"{len(places)} weights with values beyond {_HALF.max:.0f}",
            "they are infinite in fp16, in which the Neural Engine and the GPU compute",
            "rescale these weights, or run the model on the CPU in float32",
            tuple(places),
        )


@rule
def unfused_layer_norm(subject: Subject) -> Iterator[Finding]:
    """A layer normalisation spelt out in arithmetic."""
    producers = _producers(subject.program)
    places = [
        operation.place
        for operation in subject.program.operations
        if operation.type in {"rsqrt", "sqrt"} and _is_deviation(operation, producers)
    ]
    if places:
        yield Finding(
            "unfused-layer-norm",
            f"{len(places)} layer normalisations spelt out as mean, square and root",
            "each is six to eight operations on a device, and squares overflow in fp16",
            "trace LayerNorm on a tensor that has no other consumers, so that coremltools fuses it",
            tuple(places),
        )


@rule
def unfused_gelu(subject: Subject) -> Iterator[Finding]:
    """A GELU spelt out with ``erf``."""
    places = [o.place for o in subject.program.operations if o.type == "erf"]
    if places:
        yield Finding(
            "unfused-gelu",
            f"{len(places)} GELUs spelt out with erf",
            "each is four or five operations on a device, where gelu is one",
            "write it as 0.5 * x * (1 + erf(x * 0.70710678)), which coremltools fuses",
            tuple(places),
        )


@rule
def centre_crop(subject: Subject) -> Iterator[Finding]:
    """An image input, which Vision may crop."""
    places = [f.name for f in input_features(subject.file) if isinstance(f, ImageFeature)]
    if places:
        yield Finding(
            "centre-crop",
            "the file does not say how a picture is brought to its size",
            "VNCoreMLRequest crops the centre by default, CoreMLRequest scales to fill",
            "set imageCropAndScaleOption (or cropAndScaleAction) in the app, always",
            tuple(places),
        )


@rule
def output_name(subject: Subject) -> Iterator[Finding]:
    """An output that kept the converter's name for it."""
    places = [
        feature.name
        for feature in output_features(subject.file)
        if re.fullmatch(r"Identity(_\d+)?|var_\d+", feature.name)
    ]
    if places:
        yield Finding(
            "output-name",
            f"outputs named {', '.join(places)}",
            "such a name says nothing in Xcode, and changes with the converter",
            "coremltools.utils.rename_feature, before saving",
            tuple(places),
        )


@rule
def preview_type(subject: Subject) -> Iterator[Finding]:
    """An image classifier that Xcode cannot preview."""
    metadata = subject.file.specification.description.metadata.userDefined
    takes_image = any(isinstance(f, ImageFeature) for f in input_features(subject.file))
    if subject.program.classifier and takes_image and _PREVIEW_KEY not in metadata:
        yield Finding(
            "preview-type",
            "no preview type in the metadata",
            "Xcode shows no Preview tab in which to try pictures",
            f'user_defined_metadata["{_PREVIEW_KEY}"] = "imageClassifier"',
        )


@rule
def repeated_labels(subject: Subject) -> Iterator[Finding]:
    """Two scores under one name."""
    labels = subject.program.classifier.labels if subject.program.classifier else ()
    places = sorted({label for label in labels if labels.count(label) > 1})
    if places:
        yield Finding(
            "repeated-labels",
            f"{len(places)} class labels stand there more than once",
            "scores come as a dictionary, in which one of them is lost",
            "give every class a name of its own",
            tuple(places),
        )


@rule
def opset_above_target(subject: Subject) -> Iterator[Finding]:
    """Operations newer than the systems that the file is declared for."""
    declared = int(subject.file.specification.specificationVersion)
    needed = _OPSET_VERSIONS.get(subject.program.opset, 0)
    if needed > declared:
        yield Finding(
            "opset-above-target",
            f"opset {subject.program.opset} in a file of specification version {declared}",
            f"it needs {DEPLOYMENT_TARGETS[needed]}; older systems refuse it when it is loaded",
            "convert it again with the minimum_deployment_target that is meant",
        )


def _computes_in_half(operation: Operation) -> bool:
    declared = operation.outputs[0].type
    return declared is not None and declared.element is ElementType.FP16


def _scalar(operation: Operation, parameter: str) -> float | None:
    operands = operation.inputs.get(parameter, ())
    if len(operands) == 1 and isinstance(operands[0], Constant) and operands[0].count == 1:
        return float(operands[0].stored.reshape(()))
    return None


def _overflows(constant: Constant) -> bool:
    values = constant.stored
    return bool(values.size) and not bool((np.abs(values) <= _HALF.max).all())


def _producers(program: Program) -> dict[str, Operation]:
    return {
        variable.name: operation
        for operation in program.operations
        for variable in operation.outputs
    }


def _is_deviation(operation: Operation, producers: dict[str, Operation]) -> bool:
    """Whether it is the root of a mean of squares of what its own mean was taken off."""
    variance = _source(operation, producers, skipping={"add"})
    if variance is None or variance.type != "reduce_mean":
        return False
    squares = _source(variance, producers)
    if squares is None or squares.type not in {"square", "mul", "pow"}:
        return False
    centred = _source(squares, producers)
    return centred is not None and centred.type == "sub"


def _source(
    operation: Operation,
    producers: dict[str, Operation],
    skipping: frozenset[str] | set[str] = frozenset(),
) -> Operation | None:
    """The operation that computes ``x``, past those that are to be skipped."""
    found = next(
        (producers[o.name] for o in operation.inputs.get("x", ()) if o.name in producers), None
    )
    if found is not None and found.type in skipping:
        return _source(found, producers, skipping)
    return found
