"""The oracle: a program run operation by operation in numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations import OPERATIONS
from edgeconv.runtimes.coreml_reference.program import (
    Constant,
    Operand,
    Operation,
    Program,
    Variable,
)

_CARRIERS = {np.dtype(kind) for kind in (np.float32, np.int32, np.int8, np.uint8, np.bool_)}


class NumpyExecutor:
    """Runs a program in numpy; every result is held against its declared shape and type.

    Args:
        program: what to run.
        rounding: whether what a device may compute in fp16 is rounded to it: an estimate of what
            a device computes.

    Raises:
        ArtifactError: an operation or attribute is not known.
    """

    def __init__(self, program: Program, *, rounding: bool) -> None:
        self._program = program
        self._rounding = rounding
        self._bound = [OPERATIONS.bind(program, operation) for operation in program.operations]

    def run(self, inputs: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """The values of the named variables.

        Args:
            inputs: the program's input variables, in their carrier types.
            names: variables of the program, its outputs or any in between.

        Raises:
            ArtifactError: an operation cannot be computed, or its result is not what is declared.
        """
        wanted = set(names)
        values = dict(inputs)
        kept = {name: value for name, value in values.items() if name in wanted}
        released = self._released_after()

        def array(operand: Operand) -> Array:
            return operand.carried if isinstance(operand, Constant) else values[operand.name]

        for number, operation in enumerate(self._program.operations):
            with np.errstate(all="ignore"):
                results = self._bound[number].call(array)
            for variable, result in zip(operation.outputs, results, strict=True):
                value = self._rounded(variable, np.asarray(result))
                self._check(operation, variable, value)
                values[variable.name] = value
                if variable.name in wanted:
                    kept[variable.name] = value
            for name in released.get(number, ()):
                values.pop(name, None)
        return kept

    def _released_after(self) -> dict[int, list[str]]:
        """Which variables each operation is the last to use."""
        last = {
            operand.name: number
            for number, operation in enumerate(self._program.operations)
            for operands in operation.inputs.values()
            for operand in operands
        }
        released: dict[int, list[str]] = {}
        for name, number in last.items():
            released.setdefault(number, []).append(name)
        return released

    def _rounded(self, variable: Variable, value: Array) -> Array:
        if not self._rounding or variable.name not in self._program.halves:
            return value
        with np.errstate(over="ignore"):
            return value.astype(np.float16).astype(np.float32)

    def _check(self, operation: Operation, variable: Variable, value: Array) -> None:
        declared = variable.type
        if declared is None:
            as_declared = value.dtype in _CARRIERS
        else:
            same_type = value.dtype == declared.element.encoding.carrier
            as_declared = same_type and declared.admits(value.shape)
        if not as_declared:
            raise self._program.misdeclared(
                operation, variable, f"{value.dtype}{list(value.shape)}"
            )
