"""Operations registered under their MIL names, and their arguments bound by parameter name.

An implementation is a plain function with the parameter names of the operation's documentation
and its defaults. What stands before ``*`` may be computed or constant and arrives as a tensor;
what stands after it must be a constant of the file and arrives as a Python value: a number, a
text, or a tuple. ``*values`` takes a parameter that holds many tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar

from edgeconv.runtimes.coreml_reference.program import Constant, Operand, Operation, Program

Tensor = TypeVar("Tensor")
Implementation: TypeAlias = Callable[..., Any]
Function = TypeVar("Function", bound=Implementation)
_Kind = inspect.Parameter


class UnknownValue(ValueError):
    """An attribute has a value that the implementation does not know."""

    def __init__(self, attribute: str, got: object, *known: object) -> None:
        self.got = f"{attribute} = {got!r}"
        self.known = [str(value) for value in known]
        super().__init__(self.got)


class Registry(Generic[Tensor]):
    """Implementations of one executor, by operation.

    Args:
        leading: how many of an implementation's first parameters are not the operation's.
    """

    def __init__(self, leading: int = 0) -> None:
        self.functions: dict[str, Implementation] = {}
        self.ignored: dict[str, frozenset[str]] = {}
        self._leading = leading

    def operation(
        self, *names: str, ignoring: Collection[str] = ()
    ) -> Callable[[Function], Function]:
        """Register a function as the implementation of the named operations.

        Args:
            names: of the operations.
            ignoring: attributes without effect on the result, as executors carry it.
        """

        def register(function: Function) -> Function:
            for name in names:
                if name in self.functions:
                    raise KeyError(f"{name} is registered twice")
                self.functions[name] = function
                self.ignored[name] = frozenset(ignoring)
            return function

        return register

    def bind(self, program: Program, operation: Operation) -> Bound[Tensor]:
        """The implementation of an operation of ``program``, with its arguments.

        Raises:
            ArtifactError: the operation or one of its attributes is not known; the message names
                its place and those that are known.
        """
        if operation.type not in self.functions:
            raise program.fault(
                operation,
                "is an operation that the reference executor does not know",
                got=operation.type,
                expected="one of " + ", ".join(sorted(self.functions)),
            )
        function = self.functions[operation.type]
        signature = inspect.signature(function).parameters
        parameters = dict(islice(signature.items(), self._leading, None))
        ignored = self.ignored.get(operation.type, frozenset())
        return Bound(program, operation, function, parameters, ignored)


class Bound(Generic[Tensor]):
    """An implementation and the arguments of one operation, in the form in which it takes them.

    Raises:
        ArtifactError: a parameter is missing or not known, or an attribute is computed.
    """

    def __init__(
        self,
        program: Program,
        operation: Operation,
        function: Implementation,
        parameters: Mapping[str, inspect.Parameter],
        ignored: frozenset[str],
    ) -> None:
        self._program = program
        self._operation = operation
        self._function = function
        self._many: tuple[Operand, ...] = ()
        self._operands: dict[str, Operand] = {}
        self._attributes: dict[str, Any] = {}
        for name, operands in operation.inputs.items():
            if name in parameters:
                self._take(name, operands, parameters[name].kind)
            elif name not in ignored:
                raise program.fault(
                    operation,
                    "has an attribute that the reference executor does not know",
                    got=name,
                    expected=", ".join(sorted({*parameters, *ignored})),
                )
        for name, parameter in parameters.items():
            required = parameter.default is _Kind.empty
            if required and name not in operation.inputs:
                raise program.fault(operation, f"lacks its {name}", got=", ".join(operation.inputs))

    def _take(self, name: str, operands: tuple[Operand, ...], kind: object) -> None:
        if kind is _Kind.VAR_POSITIONAL:
            self._many = operands
            return
        if len(operands) != 1:
            raise self._program.fault(
                self._operation, f"takes one {name}", got=f"{len(operands)} of them"
            )
        (operand,) = operands
        if kind is not _Kind.KEYWORD_ONLY:
            self._operands[name] = operand
        elif isinstance(operand, Constant):
            self._attributes[name] = _as_tuples(operand.stored.tolist())
        else:
            raise self._program.fault(
                self._operation, f"computes its {name}", got=operand.name, expected="a constant"
            )

    def call(self, tensor: Callable[[Operand], Tensor], *leading: object) -> tuple[Tensor, ...]:
        """Call the implementation with each operand turned into a tensor.

        Raises:
            ArtifactError: the operation has an attribute value that is not known, cannot be
                computed, or has not as many results as it declares.
        """
        try:
            returned = self._function(
                *leading,
                *(tensor(operand) for operand in self._many),
                **{name: tensor(operand) for name, operand in self._operands.items()},
                **self._attributes,
            )
        except UnknownValue as error:
            raise self._program.fault(
                self._operation,
                "has an attribute value that the reference executor does not know",
                got=error.got,
                expected=error.known,
            ) from error
        except (ValueError, LookupError, TypeError, ArithmeticError, MemoryError) as error:
            raise self._program.fault(
                self._operation, "cannot be computed", got=str(error)
            ) from error
        results = returned if isinstance(returned, tuple) else (returned,)
        if len(results) != len(self._operation.outputs):
            raise self._program.fault(
                self._operation,
                "does not give as many results as it declares",
                got=str(len(results)),
                expected=str(len(self._operation.outputs)),
            )
        return results


def _as_tuples(value: Any) -> Any:
    """A constant's value as an attribute: a number, a truth value, a text, or tuples of them."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
