"""The lowering of a NeuralNetwork: its layers become MIL operations of a :class:`Program`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.neural_network.weights import weights
from edgeconv.runtimes.coreml_reference.package import ModelFile
from edgeconv.runtimes.coreml_reference.program import (
    Constant,
    Operand,
    Operation,
    Variable,
    inline_constant,
)

Lowered: TypeAlias = "Operand | tuple[Operand, ...]"
Layer = Callable[..., Lowered]

LAYERS: dict[str, Layer] = {}
"""Lowering of each layer kind: takes the network, the layer's parameters and its inputs."""


def layer(*kinds: str) -> Callable[[Layer], Layer]:
    """Register a function as the lowering of the named layer kinds of ``NeuralNetworkLayer``."""

    def register(function: Layer) -> Layer:
        for kind in kinds:
            if kind in LAYERS:
                raise KeyError(f"{kind} is registered twice")
            LAYERS[kind] = function
        return function

    return register


class Lowering:
    """A network being lowered.

    Attributes:
        operations: what it was lowered to so far.
        scope: what each blob name stands for.
    """

    def __init__(self, file: ModelFile) -> None:
        self.file = file
        self.operations: list[Operation] = []
        self.scope: dict[str, Operand] = {}
        self._ranks: dict[str, int] = {}
        self._layer = ""

    def define(self, name: str, operand: Operand, rank: int) -> None:
        """Give a blob name its meaning.

        Raises:
            ArtifactError: the name has one already.
        """
        if name in self.scope:
            raise ArtifactError(f"{self.file.path} defines {name!r} twice")
        self.scope[name] = operand
        self._ranks[operand.name] = rank

    def lower(self, message: Any) -> None:
        """Lower one ``NeuralNetworkLayer``.

        Raises:
            ArtifactError: its kind is not known, or it uses what is not there.
        """
        kind = message.WhichOneof("layer")
        place = message.output[0] if message.output else message.name
        if kind not in LAYERS:
            raise ArtifactError(
                f"{self.file.path}: the layer {message.name!r} is of a kind that the reference "
                "executor does not know",
                got=kind or "no kind",
                expected="one of " + ", ".join(sorted(LAYERS)),
            )
        for name in message.input:
            if name not in self.scope:
                raise ArtifactError(
                    f"{self.file.path}: {place!r} uses {name!r}, which is not defined before it"
                )
        self._layer = message.name or place
        inputs = [self.scope[name] for name in message.input]
        try:
            lowered = LAYERS[kind](self, getattr(message, kind), *inputs)
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise self.fault(f"cannot be read as a {kind} layer", str(error)) from error
        results = lowered if isinstance(lowered, tuple) else (lowered,)
        if len(results) < len(message.output):
            raise self.fault(
                f"does not give as many results as its {kind} layer names",
                f"{len(results)}",
                f"{len(message.output)}",
            )
        self._name_results(results, [str(name) for name in message.output])

    def op(self, kind: str, *, rank: int | None = None, **inputs: Any) -> Variable:
        """Add an operation with one result.

        Args:
            kind: its MIL name.
            rank: of its result; None where it is the largest of its operands'.
            inputs: operands, sequences of operands, or Python values for attributes.
        """
        return self.ops(kind, 1, rank=rank, **inputs)[0]

    def ops(
        self, kind: str, outputs: int, *, rank: int | None = None, **inputs: Any
    ) -> tuple[Variable, ...]:
        """Add an operation with several results; else as :meth:`op`."""
        bound = {name: _operands(name, value) for name, value in inputs.items()}
        given = [
            self.rank(operand)
            for name, operands in bound.items()
            for operand in operands
            if operand is inputs[name] or isinstance(operand, Variable)
        ]
        names = [f"{self._layer}/{kind}_{len(self.operations)}.{at}" for at in range(outputs)]
        variables = tuple(Variable(name, None) for name in names)
        for name in names:
            self._ranks[name] = max(given, default=0) if rank is None else rank
        self.operations.append(Operation(kind, bound, variables))
        return variables

    def weights(self, message: Any, shape: Sequence[int], what: str, **options: Any) -> Constant:
        """The ``WeightParams`` of the layer's parameter ``what``; see :func:`weights`."""
        sizes = tuple(int(size) for size in shape)
        constant = weights(message, sizes, self.file, f"{self._layer}.{what}", **options)
        self._ranks[constant.name] = len(constant.type.shape)
        return constant

    def rank(self, operand: Operand) -> int:
        """How many axes a value has."""
        if isinstance(operand, Constant):
            return len(operand.type.shape)
        return self._ranks[operand.name]

    def fault(self, message: str, got: str, expected: str | None = None) -> ArtifactError:
        """The typed error for the layer that is being lowered."""
        return ArtifactError(
            f"{self.file.path}: the layer {self._layer!r} {message}", got=got, expected=expected
        )

    def _name_results(self, results: Sequence[Operand], names: Sequence[str]) -> None:
        """Give the results of a layer the blob names that the file has for them."""
        made = {
            variable.name: number
            for number, operation in enumerate(self.operations)
            for variable in operation.outputs
        }
        for result, name in zip(results, names, strict=False):
            rank = self.rank(result)
            number = made.get(result.name)
            if isinstance(result, Constant):
                self.define(name, result, rank)
                continue
            old = result.name
            if number is None or old in self.scope:
                old = self.op("identity", x=result).name
                number = len(self.operations) - 1
            operation = self.operations[number]
            renamed = Variable(name, None)
            self.operations[number] = Operation(
                operation.type,
                operation.inputs,
                tuple(renamed if v.name == old else v for v in operation.outputs),
            )
            self.define(name, renamed, rank)


def _operands(name: str, value: Any) -> tuple[Operand, ...]:
    if isinstance(value, (Variable, Constant)):
        return (value,)
    if isinstance(value, (list, tuple)) and any(
        isinstance(item, (Variable, Constant)) for item in value
    ):
        return tuple(value)
    return (inline_constant(name, value),)
