"""ML Programs: from the ``MILSpec.Program`` message to a :class:`Program`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference import constexpr, mil_values
from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType
from edgeconv.runtimes.coreml_reference.package import ModelFile
from edgeconv.runtimes.coreml_reference.program import (
    Classifier,
    Constant,
    Operand,
    Operation,
    Program,
    Variable,
)


def read_ml_program(file: ModelFile) -> Program:
    """The main function of an ML Program.

    Raises:
        ArtifactError: the program refers to what is not there, or uses what is not known.
    """
    description = file.specification.description
    name = description.defaultFunctionName or "main"
    functions = file.specification.mlProgram.functions
    if name not in functions:
        raise ArtifactError(
            f"{file.path} has no function {name!r}", got=sorted(functions) or "no functions"
        )
    function = functions[name]
    if function.opset not in function.block_specializations:
        raise ArtifactError(
            f"{file.path}: the function {name!r} has no block for its opset",
            got=sorted(function.block_specializations) or "no blocks",
            expected=function.opset,
        )
    return _BlockReader(file, function).program(function.block_specializations[function.opset])


class _BlockReader:
    """Reads one block, operation by operation; ``scope`` holds what is defined so far."""

    def __init__(self, file: ModelFile, function: Any) -> None:
        self.file = file
        self.opset = str(function.opset)
        self.scope: dict[str, Operand] = {}
        self.operations: list[Operation] = []
        self.classifier: Classifier | None = None
        self.inputs = tuple(self._variable(item) for item in function.inputs)
        for variable in self.inputs:
            self._define(variable)

    def program(self, block: Any) -> Program:
        """The program of ``block``."""
        for message in block.operations:
            if message.type == "const":
                self._read_const(message)
            elif message.type.startswith("constexpr_"):
                self._read_constexpr(message)
            elif message.type == "classify":
                self._read_classify(message)
            else:
                self._read_operation(message)
        return Program(
            source=self.file.path,
            opset=self.opset,
            inputs=self.inputs,
            operations=tuple(self.operations),
            outputs=tuple(self._output_names(block)),
            classifier=self.classifier,
            halves=frozenset(
                variable.name
                for operation in self.operations
                for variable in operation.outputs
                if variable.type is not None and variable.type.element is ElementType.FP16
            ),
        )

    def _output_names(self, block: Any) -> list[str]:
        if self.classifier is None:
            names = [str(name) for name in block.outputs]
        else:
            features = {self.classifier.label_feature, self.classifier.scores_feature}
            others = [str(name) for name in block.outputs if name not in features]
            names = [self.classifier.scores, *others]
        for name in names:
            self._lookup(name, "the block's outputs")
        return names

    def _read_const(self, message: Any) -> None:
        name = self._output_name(message)
        if "val" not in message.attributes:
            raise ArtifactError(f"{self.file.path}: the constant {name!r} has no value")
        constant = mil_values.constant(message.attributes["val"], self.file, name)
        declared = self._variable(message.outputs[0]).type
        if constant.type != declared and message.outputs[0].type.WhichOneof("type") == "tensorType":
            raise ArtifactError(
                f"{self.file.path}: the constant {name!r} is not what its operation declares",
                got=str(constant.type),
                expected=str(declared),
            )
        self._define(constant)

    def _read_constexpr(self, message: Any) -> None:
        place = self._output_name(message)
        decoder = constexpr.DECODERS.get(message.type)
        if decoder is None:
            raise ArtifactError(
                f"{self.file.path}: the compression {message.type} of {place!r} is not known",
                expected=sorted(constexpr.DECODERS),
            )
        parts = {
            name: mil_values.constant(value, self.file, f"{place}.{name}")
            for name, value in message.attributes.items()
            if name != "name"
        }
        for name, operands in self._operands(message, place).items():
            if len(operands) != 1 or not isinstance(operands[0], Constant):
                raise ArtifactError(
                    f"{self.file.path}: {message.type} of {place!r} takes as its {name} "
                    "what is not a constant",
                    got=[operand.name for operand in operands],
                )
            parts[name] = operands[0]
        decode = self._decoding(decoder, message.type, place, parts)
        for number, output in enumerate(message.outputs):
            declared = mil_values.tensor_type(output.type, self.file, output.name)
            self._define(
                Constant(
                    output.name,
                    declared,
                    constexpr.precision(message.type, parts),
                    _checked(decode, number, declared, f"{self.file.path}: {output.name!r}"),
                )
            )

    def _decoding(
        self, decoder: constexpr.Decoder, kind: str, place: str, parts: Mapping[str, Constant]
    ) -> Callable[[], tuple[Array, ...]]:
        try:
            inspect.signature(decoder).bind(**parts)
        except TypeError as error:
            raise ArtifactError(
                f"{self.file.path}: {kind} of {place!r} has the wrong parameters",
                got=str(error),
                expected=list(inspect.signature(decoder).parameters),
            ) from error

        @cache
        def decode() -> tuple[Array, ...]:
            try:
                values = decoder(**{name: part.stored for name, part in parts.items()})
            except (ValueError, IndexError, TypeError) as error:
                raise ArtifactError(
                    f"{self.file.path}: {kind} of {place!r} cannot be decoded", got=str(error)
                ) from error
            return values if isinstance(values, tuple) else (values,)

        return decode

    def _read_classify(self, message: Any) -> None:
        """``classify`` is no arithmetic: it names the labels and the two output features."""
        place = self._output_name(message)
        operands = self._operands(message, place)
        scores, classes = operands.get("probabilities", ()), operands.get("classes", ())
        if (
            len(scores) != 1
            or len(classes) != 1
            or len(message.outputs) != 2
            or not isinstance(scores[0], Variable)
            or not isinstance(classes[0], Constant)
            or self.classifier is not None
        ):
            raise ArtifactError(
                f"{self.file.path}: classify at {place!r} is malformed",
                expected="once, with computed probabilities, constant classes and two outputs",
            )
        self.classifier = Classifier(
            scores=scores[0].name,
            labels=tuple(str(label) for label in classes[0].stored),
            label_feature=message.outputs[0].name,
            scores_feature=message.outputs[1].name,
        )

    def _read_operation(self, message: Any) -> None:
        place = self._output_name(message)
        if message.blocks:
            raise ArtifactError(
                f"{self.file.path}: {message.type} at {place!r} has nested blocks",
                expected="an operation without control flow",
            )
        inputs = self._operands(message, place)
        for name, value in message.attributes.items():
            if name != "name":
                inputs[name] = (mil_values.constant(value, self.file, f"{place}.{name}"),)
        outputs = tuple(self._variable(output) for output in message.outputs)
        for output in outputs:
            self._define(output)
        self.operations.append(Operation(str(message.type), inputs, outputs))

    def _operands(self, message: Any, place: str) -> dict[str, tuple[Operand, ...]]:
        return {
            parameter: tuple(
                self._lookup(binding.name, place)
                if binding.WhichOneof("binding") == "name"
                else mil_values.constant(binding.value, self.file, f"{place}.{parameter}")
                for binding in argument.arguments
            )
            for parameter, argument in sorted(message.inputs.items())
        }

    def _output_name(self, message: Any) -> str:
        if not message.outputs:
            raise ArtifactError(f"{self.file.path}: an operation {message.type} has no outputs")
        return str(message.outputs[0].name)

    def _variable(self, message: Any) -> Variable:
        if message.type.WhichOneof("type") == "listType":
            return Variable(str(message.name), None)
        return Variable(
            str(message.name), mil_values.tensor_type(message.type, self.file, message.name)
        )

    def _define(self, operand: Operand) -> None:
        if operand.name in self.scope:
            raise ArtifactError(f"{self.file.path} defines {operand.name!r} twice")
        self.scope[operand.name] = operand

    def _lookup(self, name: str, place: str) -> Operand:
        if name not in self.scope:
            raise ArtifactError(
                f"{self.file.path}: {place!r} uses {name!r}, which is not defined before it"
            )
        return self.scope[name]


def _checked(
    decode: Callable[[], tuple[Array, ...]], number: int, declared: Any, place: str
) -> Callable[[], Array]:
    def read() -> Array:
        values = decode()
        if number >= len(values):
            raise ArtifactError(f"{place} is an output that its operation does not have")
        value = values[number]
        stored = declared.element.encoding.stored
        if value.dtype != np.dtype(stored) or not declared.admits(value.shape):
            raise ArtifactError(
                f"{place} does not decode to what is declared",
                got=f"{value.dtype}{list(value.shape)}",
                expected=str(declared),
            )
        return value

    return read
