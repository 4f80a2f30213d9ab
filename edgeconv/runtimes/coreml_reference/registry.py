"""Operations registered under their MIL names, and their arguments bound by parameter name.

An implementation is a plain function with the parameter names of the operation's documentation
and its defaults. What stands before ``*`` may be computed or constant and arrives as a tensor;
what stands after it must be a constant of the file and arrives as a Python value: a number, a
text, or a tuple. ``*values`` takes a parameter that holds many tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import islice
from typing import Any, Generic, TypeVar

from edgeconv.runtimes.coreml_reference.program import Constant, Operand, Operation, Program

Tensor = TypeVar("Tensor")
Function = TypeVar("Function", bound=Callable[..., Any])
_Kind = inspect.Parameter


class UnknownValue(ValueError):
    """An attribute has a value that the implementation does not know."""

    def __init__(self, attribute: str, got: object, *known: object) -> None:
        self.got = f"{attribute} = {got!r}"
        self.known = [str(value) for value in known]
        super().__init__(self.got)


class Registry(Generic[Function]):
    """Implementations of one executor, by operation."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}

    def operation(self, *names: str) -> Callable[[Function], Function]:
        """Register a function as the implementation of the named operations."""

        def register(function: Function) -> Function:
            for name in names:
                if name in self.functions:
                    raise KeyError(f"{name} is registered twice")
                self.functions[name] = function
            return function

        return register

    def find(self, program: Program, operation: Operation) -> Function:
        """The implementation of an operation of ``program``.

        Raises:
            ArtifactError: there is none; the message names the operation, its place and those known.
        """
        if operation.type not in self.functions:
            raise program.fault(
                operation,
                "is an operation that the reference executor does not know",
                got=operation.type,
                expected="one of " + ", ".join(sorted(self.functions)),
            )
        return self.functions[operation.type]


class Arguments(Generic[Tensor]):
    """The arguments of one operation, in the order and form in which its implementation takes them.

    Attributes:
        many: operands of ``*values``.
        operands: operands of the other parameters before ``*``.
        attributes: Python values of the parameters after ``*``.

    Args:
        program: for errors.
        operation: whose arguments are bound.
        function: its implementation.
        leading: how many of the function's first parameters are not the operation's.

    Raises:
        ArtifactError: a parameter is missing or not known, or an attribute is computed.
    """

    def __init__(
        self,
        program: Program,
        operation: Operation,
        function: Callable[..., Any],
        leading: int = 0,
    ) -> None:
        parameters = dict(islice(inspect.signature(function).parameters.items(), leading, None))
        self.many: tuple[Operand, ...] = ()
        self.operands: dict[str, Operand] = {}
        self.attributes: dict[str, Any] = {}
        for name, operands in operation.inputs.items():
            parameter = parameters.get(name)
            if parameter is None:
                raise program.fault(
                    operation,
                    "has an attribute that the reference executor does not know",
                    got=name,
                    expected=", ".join(parameters),
                )
            if parameter.kind is _Kind.VAR_POSITIONAL:
                self.many = operands
                continue
            if len(operands) != 1:
                raise program.fault(
                    operation, f"takes one {name}", got=f"{len(operands)} of them"
                )
            (operand,) = operands
            if parameter.kind is not _Kind.KEYWORD_ONLY:
                self.operands[name] = operand
            elif isinstance(operand, Constant):
                self.attributes[name] = python_value(operand)
            else:
                raise program.fault(
                    operation, f"computes its {name}", got=operand.name, expected="a constant"
                )
        for name, parameter in parameters.items():
            required = parameter.default is _Kind.empty or parameter.kind is _Kind.VAR_POSITIONAL
            if required and name not in operation.inputs:
                raise program.fault(operation, f"lacks its {name}", got=", ".join(operation.inputs))

    def call(
        self, function: Callable[..., Any], tensor: Callable[[Operand], Tensor], *leading: object
    ) -> Any:
        """Call the implementation with each operand turned into a tensor."""
        return function(
            *leading,
            *(tensor(operand) for operand in self.many),
            **{name: tensor(operand) for name, operand in self.operands.items()},
            **self.attributes,
        )


def python_value(constant: Constant) -> Any:
    """A constant as an attribute: a number, a truth value, a text, or a (nested) tuple of them."""
    return _as_tuples(constant.stored.tolist())


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
