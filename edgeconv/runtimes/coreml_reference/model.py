"""A Core ML file that can be run anywhere: features in, features out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np

from edgeconv.errors import ArtifactError, UnknownName, UsageError
from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.features import (
    InputFeature,
    LabelFeature,
    OutputFeature,
    ScoresFeature,
    input_features,
    output_features,
)
from edgeconv.runtimes.coreml_reference.package import ModelFile, open_model_file
from edgeconv.runtimes.coreml_reference.program import Classifier, Program
from edgeconv.runtimes.coreml_reference.reader import read_program

Mode = Literal["exact", "fp16"]
"""``exact``: float32 arithmetic on the weights as stored. ``fp16``: rounded to fp16 after each
operation that the file lets a device compute in fp16; an estimate of device drift."""

ExecutorName = Literal["onnx", "numpy"]

Prediction: TypeAlias = "dict[str, Array | dict[str, float] | str]"


class Executor(Protocol):
    """Runs a program."""

    def run(self, inputs: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """The values of the named variables."""


class ReferenceModel:
    """A ``.mlmodel`` or ``.mlpackage``, read from the finished file and run off a Mac.

    Attributes:
        path: the file.
        inputs: input features, in file order.
        outputs: output features, in file order.
        labels: class labels in file order, integer labels as text; None if it is no classifier.
        user_defined_metadata: the file's user-defined metadata.
        program: what the executor runs.
    """

    def __init__(self, file: ModelFile, program: Program, executor: Executor) -> None:
        self.path = file.path
        self.program = program
        self.inputs: tuple[InputFeature, ...] = input_features(file)
        self.outputs: tuple[OutputFeature, ...] = output_features(file)
        self.labels = program.classifier.labels if program.classifier else None
        self.user_defined_metadata: dict[str, str] = dict(
            file.specification.description.metadata.userDefined
        )
        self._executor = executor
        self._check_features()

    def predict(self, inputs: Mapping[str, Array]) -> Prediction:
        """Run the model as ``MLModel.predict`` does.

        Args:
            inputs: by input name: ``(H, W, 3)`` uint8 RGB pixels for a colour image, ``(H, W)``
                for a grayscale one, whatever colour order the file wants; else an array.

        Returns:
            By output name: an array, a label, or a dictionary from label to score.

        Raises:
            UsageError: the inputs are not those of the model.
            ArtifactError: the model cannot be computed.
        """
        values = self._executor.run(self.tensors(inputs), self.program.outputs)
        classifier = self.program.classifier
        scores = _scores(self.path, classifier, values) if classifier else {}
        outputs: Prediction = {}
        for feature in self.outputs:
            if isinstance(feature, LabelFeature):
                outputs[feature.name] = max(scores, key=scores.__getitem__)
            elif isinstance(feature, ScoresFeature):
                outputs[feature.name] = scores
            else:
                outputs[feature.name] = values[feature.name]
        return outputs

    def intermediates(self, inputs: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """The values of variables inside the program, floats as float32.

        Raises:
            UnknownName: the program has no variable of that name.
            UsageError: the inputs are not those of the model.
            ArtifactError: the model cannot be computed.
        """
        wanted = list(names)
        known = {variable.name for variable in self.program.inputs} | {
            variable.name for operation in self.program.operations for variable in operation.outputs
        }
        for name in wanted:
            if name not in known:
                raise UnknownName("variable of the program", name, sorted(known))
        return self._executor.run(self.tensors(inputs), wanted)

    def tensors(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Inputs as :meth:`predict` takes them, as the program's own input variables.

        Raises:
            UsageError: the inputs are not those of the model.
        """
        expected = {feature.name for feature in self.inputs}
        if set(inputs) != expected:
            raise UsageError(
                f"{self.path} takes other inputs",
                got=", ".join(sorted(inputs)),
                expected=", ".join(sorted(expected)),
            )
        return {feature.name: feature.tensor(inputs[feature.name]) for feature in self.inputs}

    def _check_features(self) -> None:
        """The model description and the program must speak of the same inputs and outputs."""
        taken = {variable.name: variable.type for variable in self.program.inputs}
        described = {feature.name: feature.tensor_shape for feature in self.inputs}
        fits = taken.keys() == described.keys() and all(
            declared is None or not described[name] or declared.admits(described[name])
            for name, declared in taken.items()
        )
        if not fits:
            raise ArtifactError(
                f"{self.path} describes other inputs than its program takes",
                got=[f"{name} {list(shape)}" for name, shape in described.items()],
                expected=[f"{name} {declared}" for name, declared in taken.items()],
            )
        classifier = self.program.classifier
        given = set(self.program.outputs)
        if classifier is not None:
            given |= {classifier.label_feature, classifier.scores_feature or ""}
        for feature in self.outputs:
            by_classifier = isinstance(feature, (LabelFeature, ScoresFeature))
            if feature.name not in given or (by_classifier and classifier is None):
                raise ArtifactError(
                    f"{self.path} describes an output that its program does not give",
                    got=feature.name,
                    expected="one of " + ", ".join(sorted(given - {""})),
                )


def load(
    path: Path, *, mode: Mode = "exact", executor: ExecutorName = "onnx", threads: int = 1
) -> ReferenceModel:
    """Read a Core ML file and make it ready to run.

    Args:
        path: a ``.mlmodel`` file or a ``.mlpackage`` folder.
        mode: ``exact``, or ``fp16`` for an estimate of what a device computes.
        executor: ``onnx`` runs it on ONNX Runtime; ``numpy`` is the slow, independent oracle.
        threads: that one inference may use; the oracle's are numpy's own.

    Raises:
        ArtifactError: the file is malformed, or uses what the reference executor does not know.
    """
    file = open_model_file(path)
    program = read_program(file)
    return ReferenceModel(file, program, _executor(program, mode, executor, threads))


def _executor(program: Program, mode: Mode, name: ExecutorName, threads: int) -> Executor:
    if name == "numpy":
        from edgeconv.runtimes.coreml_reference.numpy_executor import NumpyExecutor

        return NumpyExecutor(program, rounding=mode == "fp16")
    from edgeconv.runtimes.coreml_reference.onnx_executor import OnnxExecutor

    return OnnxExecutor(program, rounding=mode == "fp16", threads=threads)


def _scores(path: Path, classifier: Classifier, values: Mapping[str, Array]) -> dict[str, float]:
    vector = np.ravel(values[classifier.scores])
    if len(vector) != len(classifier.labels):
        raise ArtifactError(
            f"{path} has not one score a label",
            got=f"{len(vector)} scores",
            expected=f"{len(classifier.labels)} labels",
        )
    return dict(zip(classifier.labels, map(float, vector), strict=True))
