"""The oracle: a program run operation by operation in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType
from edgeconv.runtimes.coreml_reference.numpy_operations import OPERATIONS
from edgeconv.runtimes.coreml_reference.program import (
    Constant,
    Operand,
    Operation,
    Program,
    Variable,
)
from edgeconv.runtimes.coreml_reference.registry import Arguments, UnknownValue

_CARRIERS = {np.dtype(kind) for kind in (np.float32, np.int32, np.int8, np.uint8, np.bool_)}


@dataclass(frozen=True)
class _Step:
    operation: Operation
    function: Callable[..., Any]
    arguments: Arguments[Array]


class NumpyExecutor:
    """Runs a program in numpy; every result is held against its declared shape and type.

    Args:
        program: what to run.
        rounding: whether results declared fp16 (in a NeuralNetwork, which declares none, all
            floats) are rounded to fp16: an estimate of what a device computes.

    Raises:
        ArtifactError: an operation or attribute is not known.
    """

    def __init__(self, program: Program, *, rounding: bool) -> None:
        self._program = program
        self._rounding = rounding
        self._steps = []
        for operation in program.operations:
            function = OPERATIONS.find(program, operation)
            self._steps.append(
                _Step(operation, function, Arguments(program, operation, function))
            )

    def run(self, inputs: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """The values of the named variables.

        Args:
            inputs: the program's input variables, in their carrier types.
            names: variables of the program, its outputs or any in between.

        Raises:
            ArtifactError: an operation cannot be computed, or its result is not what is declared.
        """
        wanted = set(names)
        kept: dict[str, Array] = {}
        values = dict(inputs)
        last_use = self._last_use()
        kept.update({name: value for name, value in values.items() if name in wanted})
        for number, step in enumerate(self._steps):
            for variable, value in zip(
                step.operation.outputs, self._results(step, values), strict=True
            ):
                values[variable.name] = value
                if variable.name in wanted:
                    kept[variable.name] = value
            for name in last_use.get(number, ()):
                values.pop(name, None)
        return kept

    def _last_use(self) -> dict[int, list[str]]:
        """After which step each variable may be let go."""
        last: dict[str, int] = {}
        for number, step in enumerate(self._steps):
            for operands in step.operation.inputs.values():
                for operand in operands:
                    last[operand.name] = number
        released: dict[int, list[str]] = {}
        for name, number in last.items():
            released.setdefault(number, []).append(name)
        return released

    def _results(self, step: _Step, values: Mapping[str, Array]) -> list[Array]:
        def array(operand: Operand) -> Array:
            return operand.carried if isinstance(operand, Constant) else values[operand.name]

        try:
            with np.errstate(all="ignore"):
                returned = step.arguments.call(step.function, array)
        except UnknownValue as error:
            raise self._program.fault(
                step.operation,
                "has an attribute value that the reference executor does not know",
                got=error.got,
                expected=error.known,
            ) from error
        except (ValueError, IndexError, TypeError, ArithmeticError, MemoryError) as error:
            raise self._program.fault(
                step.operation, "cannot be computed", got=str(error)
            ) from error
        results = returned if isinstance(returned, tuple) else (returned,)
        if len(results) != len(step.operation.outputs):
            raise self._program.fault(
                step.operation,
                "does not give as many results as it declares",
                got=str(len(results)),
                expected=str(len(step.operation.outputs)),
            )
        return [
            self._checked(step.operation, variable, self._rounded(variable, np.asarray(result)))
            for variable, result in zip(step.operation.outputs, results, strict=True)
        ]

    def _rounded(self, variable: Variable, value: Array) -> Array:
        half = variable.type is None or variable.type.element is ElementType.FP16
        if not (self._rounding and half and value.dtype.kind == "f"):
            return value
        with np.errstate(over="ignore"):
            return value.astype(np.float16).astype(np.float32)

    def _checked(self, operation: Operation, variable: Variable, value: Array) -> Array:
        declared = variable.type
        if declared is None:
            if value.dtype in _CARRIERS:
                return value
        elif value.dtype == declared.element.encoding.carrier and declared.admits(value.shape):
            return value
        raise not_as_declared(self._program, operation, variable, value)


def not_as_declared(
    program: Program, operation: Operation, variable: Variable, value: Array
) -> ArtifactError:
    """The error for a result whose shape or type is not the declared one."""
    return program.fault(
        operation,
        f"gives {variable.name!r} otherwise than it declares",
        got=f"{value.dtype}{list(value.shape)}",
        expected=str(variable.type),
    )
