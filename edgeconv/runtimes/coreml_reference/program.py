"""A Core ML program as the executors see it: small, frozen, free of protobuf.

ML Programs are read into it as they are; NeuralNetworks are lowered to the same operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType

Shape: TypeAlias = "tuple[int | None, ...]"
"""Sizes along each axis; None where the file leaves a size open."""


@dataclass(frozen=True)
class TensorType:
    """What a file declares of a value: element type and shape."""

    element: ElementType
    shape: Shape

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.element.value}[{sizes}]"

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape fits the declaration."""
        return len(shape) == len(self.shape) and all(
            declared in {None, size} for declared, size in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True)
class Variable:
    """A value that is computed. ``type`` is None inside a NeuralNetwork, which declares none."""

    name: str
    type: TensorType | None


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that lies in the file, decoded on first use.

    Attributes:
        name: the value's name in the program.
        type: as the file declares it.
        precision: in what form the values lie in the file: ``"fp16"``, ``"int8"``,
            ``"palettised 4 bit"``, ``"sparse fp16"``, ...
        decode: reads the values.
    """

    name: str
    type: TensorType
    precision: str
    decode: Callable[[], Array] = field(repr=False)

    @cached_property
    def stored(self) -> Array:
        """The values, bit for bit, in the type in which ``type.element`` is stored."""
        return self.decode()

    @property
    def carried(self) -> Array:
        """The values in the type in which executors compute: fp16 widened to float32.

        Raises:
            ValueError: there are integers that do not fit into 32 bits.
        """
        values = self.stored.astype(self.type.element.encoding.carrier, copy=False)
        if self.stored.dtype.kind in "iu" and not np.array_equal(values, self.stored):
            raise ValueError(f"{self.name} holds integers of more than 32 bits")
        return values

    @property
    def count(self) -> int:
        """How many values there are."""
        return math.prod(size for size in self.type.shape if size is not None)


def inline_constant(name: str, value: object) -> Constant:
    """A constant made here rather than read: an attribute of a lowered operation.

    Args:
        name: of the attribute.
        value: a bool, int, float or str, or a (nested) sequence of one of them.
    """
    array = np.asarray(value)
    element = _INLINE_ELEMENTS[array.dtype.kind]
    declared = TensorType(element, array.shape)
    return Constant(name, declared, element.value, lambda: array.astype(element.encoding.stored))


_INLINE_ELEMENTS = {
    "b": ElementType.BOOL,
    "i": ElementType.INT64,
    "f": ElementType.FP32,
    "U": ElementType.STRING,
}


Operand: TypeAlias = "Variable | Constant"


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation, under its MIL name and MIL parameter names.

    ``inputs`` has a tuple for each parameter, because some (``concat``'s ``values``) take many.
    """

    type: str
    inputs: Mapping[str, tuple[Operand, ...]]
    outputs: tuple[Variable, ...]

    @property
    def place(self) -> str:
        """Where it stands in the program: the name of its first output."""
        return self.outputs[0].name


@dataclass(frozen=True)
class Classifier:
    """What turns a score vector into a label and a dictionary.

    Attributes:
        scores: the variable with one score a label.
        labels: in the order of the scores; integer labels as text.
        label_feature: the output feature that holds the winning label.
        scores_feature: the output feature that holds label -> score, where the file has one.
    """

    scores: str
    labels: tuple[str, ...]
    label_feature: str
    scores_feature: str | None


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in execution order, between input and output variables.

    Attributes:
        source: the file it was read from.
        opset: for instance ``"CoreML7"``, or ``"NeuralNetwork"``.
        inputs: of the main function, in file order.
        operations: all that are computed; constants are operands, not operations.
        outputs: names of the variables that leave the program.
        classifier: what makes labels of scores, where the model is a classifier.
        halves: names of the variables that a device may compute in fp16: in an ML Program those
            declared so, in a NeuralNetwork, which declares none, the results of all layers.
    """

    source: Path
    opset: str
    inputs: tuple[Variable, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    classifier: Classifier | None
    halves: frozenset[str]

    def constants(self) -> Iterator[Constant]:
        """Every constant that an operation takes, once, in order of first use."""
        seen: set[int] = set()
        for operation in self.operations:
            for operands in operation.inputs.values():
                for operand in operands:
                    if isinstance(operand, Constant) and id(operand) not in seen:
                        seen.add(id(operand))
                        yield operand

    def fault(
        self,
        operation: Operation,
        message: str,
        *,
        got: str,
        expected: str | list[str] | None = None,
    ) -> ArtifactError:
        """The typed error for an operation that cannot be run as it stands."""
        return ArtifactError(
            f"{self.source}: {operation.type} at {operation.place!r} {message}",
            got=got,
            expected=expected,
        )

    def misdeclared(self, operation: Operation, variable: Variable, got: str) -> ArtifactError:
        """The typed error for a result whose type or shape is not the declared one."""
        return self.fault(
            operation,
            f"gives {variable.name!r} otherwise than it declares",
            got=got,
            expected=str(variable.type),
        )
