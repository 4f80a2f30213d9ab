"""Runs a program twice, layer by layer: as it is, and with what has been compressed so far.

Each layer is thereby fitted to what the compressed layers before it really give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edgeconv.compressing.ranges import range_of
from edgeconv.runtimes.coreml_reference import ReferenceModel
from edgeconv.runtimes.coreml_reference.activation_calibration import Ranges
from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.onnx_executor import OnnxExecutor
from edgeconv.runtimes.coreml_reference.program import Constant, Operation, Variable

Operations = tuple[Operation, ...]

Values = list[Array]
"""Of one variable: one array a sample."""


@dataclass
class Pair:
    """What a variable is in both programs; one list where nothing before it was compressed."""

    exact: Values
    rounded: Values


class Walk:
    """Goes through a program once.

    Args:
        model: in float.
        samples: inputs as :meth:`ReferenceModel.predict` takes them.
        stops: kinds of operations before which to stop.
        ranges: is given the least and the greatest value of every variable; None for none.
    """

    def __init__(
        self,
        model: ReferenceModel,
        samples: Sequence[Mapping[str, Array]],
        stops: frozenset[str],
        ranges: Ranges | None = None,
    ) -> None:
        self._ranges = ranges
        self._program = model.program
        self._stops = stops
        self._uses = Counter(
            variable.name
            for operation in self._program.operations
            for variable in _variables_of(operation)
        )
        self._variables = {variable.name: variable for variable in self._program.inputs}
        tensors = [model.tensors(sample) for sample in samples]
        self.values: dict[str, Pair] = {}
        for name in self._variables:
            given = [tensor[name] for tensor in tensors]
            self.values[name] = Pair(given, given)
            self._note({name: given})

    def stretches(self) -> Iterator[Operations]:
        """Operations up to the next stop; :meth:`run` is to be called on each."""
        stretch: list[Operation] = []
        for operation in self._program.operations:
            if stretch and operation.type in self._stops:
                yield tuple(stretch)
                stretch = []
            stretch.append(operation)
        yield tuple(stretch)

    def run(self, stretch: Operations, constants: Mapping[str, Array]) -> None:
        """Run operations in both programs.

        Args:
            stretch: the next ones.
            constants: values that take the place of constants in the compressed program.
        """
        made = {variable.name: variable for one in stretch for variable in one.outputs}
        taken = [variable.name for one in stretch for variable in _variables_of(one)]
        inside = Counter(taken)
        given = {name: self.values[name] for name in inside if name not in made}
        kept = [name for name in made if self._uses[name] > inside[name]]
        wanted = kept if self._ranges is None else [name for name in made if _is_float(made[name])]
        exact = self._results(stretch, {name: pair.exact for name, pair in given.items()}, wanted)
        self._note(exact)
        rounded = exact
        if constants or any(pair.exact is not pair.rounded for pair in given.values()):
            changed = tuple(_with_constants(one, constants) for one in stretch)
            fed = {name: pair.rounded for name, pair in given.items()}
            rounded = self._results(changed, fed, kept)
        self._variables |= made
        self._uses -= inside
        self.values |= {name: Pair(exact[name], rounded[name]) for name in kept}
        for name in given:
            if not self._uses[name]:
                del self.values[name]

    def _note(self, values: Mapping[str, Values]) -> None:
        if self._ranges is not None:
            self._ranges |= {name: range_of(found) for name, found in values.items()}

    def _results(
        self, stretch: Operations, given: Mapping[str, Values], names: Sequence[str]
    ) -> dict[str, Values]:
        if not names:
            return {}
        part = replace(
            self._program,
            inputs=tuple(self._variables[name] for name in given),
            operations=stretch,
            outputs=tuple(names),
            classifier=None,
        )
        executor = OnnxExecutor(part, rounding=False, threads=1)
        results: dict[str, Values] = {name: [] for name in names}
        for sample in zip(*given.values(), strict=True):
            values = executor.run(dict(zip(given, sample, strict=True)), names)
            for name in names:
                results[name].append(values[name])
        return results


def _is_float(variable: Variable) -> bool:
    return variable.type is not None and variable.type.element.is_float


def _variables_of(operation: Operation) -> list[Variable]:
    operands = (operand for operands in operation.inputs.values() for operand in operands)
    return [operand for operand in operands if isinstance(operand, Variable)]


def _with_constants(operation: Operation, constants: Mapping[str, Array]) -> Operation:
    def changed(operand: Constant | Variable) -> Constant | Variable:
        if not isinstance(operand, Constant) or operand.name not in constants:
            return operand
        values = constants[operand.name]
        return replace(operand, decode=lambda: values)

    inputs = {name: tuple(map(changed, given)) for name, given in operation.inputs.items()}
    return replace(operation, inputs=inputs)
