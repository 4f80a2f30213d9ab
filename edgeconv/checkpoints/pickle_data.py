"""Pickles read as data: a small machine for the instructions that plain values need.

A pickle is a program. Python's own unpickler imports what the program names and calls it; this one
knows a fixed list of names, each with a harmless function or value of ours behind it, and stops at
the first other name or instruction. Instructions are taken apart by :mod:`pickletools`, which runs
nothing.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint

Known = Mapping[str, Any]
"""What may be named, as ``module name``: a function that may be called, or a value."""

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_CARRIED = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"}
)
_WITHOUT_EFFECT = frozenset({"PROTO", "FRAME", "STOP"})
_LONGEST_NAME = 100
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def load(pickled: bytes, known: Known, refer: Callable[[Any], Any], where: str) -> Any:
    """The value a pickle describes.

    Args:
        pickled: the whole pickle, of protocol 2 to 5.
        known: what it may name. A function is called with plain values, and with what other
            functions and ``refer`` made; it must be safe with any.
        refer: what a persistent id stands for.
        where: the checkpoint, for the errors.

    Returns:
        Plain values: None, booleans, numbers, text, tuples, lists, and dictionaries whose keys are
        text or integers; and among them whatever ``known`` and ``refer`` gave.

    Raises:
        UnsafeCheckpoint: it names what is not known, or makes objects in another way.
        CorruptCheckpoint: it is malformed, or one of the functions was given what it cannot take
            (it raised a ValueError, TypeError or LookupError).
    """
    machine = _Machine(known, refer, where)
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            machine.step(opcode.name, argument)
        (value,) = machine.stack
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise CorruptCheckpoint(
            f"{where} is no sound pickle of tensors",
            got=str(error),
            do="it may be damaged: copy or download it again",
        ) from error
    return value


class _Machine:
    """The stack, the stacks that marks have put aside, and the numbered memory."""

    def __init__(self, known: Known, refer: Callable[[Any], Any], where: str) -> None:
        self.known, self.refer, self.where = known, refer, where
        self.stack: list[Any] = []
        self.aside: list[list[Any]] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _CARRIED:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            self.stack.append(tuple(self._popped(_TUPLES[name])))
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in _WITHOUT_EFFECT:
            raise self._unsafe(f"the instruction {name}")

    def mark(self, _: Any) -> None:
        self.aside.append(self.stack)
        self.stack = []

    def tuple(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(tuple(items))

    def empty_list(self, _: Any) -> None:
        self.stack.append([])

    def append(self, _: Any) -> None:
        self._extend(self._popped(1))

    def appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    def empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def set_item(self, _: Any) -> None:
        self._set_items(self._popped(2))

    def set_items(self, _: Any) -> None:
        self._set_items(self._since_mark())

    def put(self, number: Any) -> None:
        self.memory[number] = self.stack[-1]

    def memoize(self, _: Any) -> None:
        self.memory[len(self.memory)] = self.stack[-1]

    def get(self, number: Any) -> None:
        self.stack.append(self.memory[number])

    def name(self, name: Any) -> None:
        if name not in self.known:
            raise self._unsafe(f"the name {_dotted(name)[:_LONGEST_NAME]}")
        self.stack.append(self.known[name])

    def name_from_stack(self, _: Any) -> None:
        module, name = self._popped(2)
        self.name(f"{module} {name}")

    def persistent_id(self, _: Any) -> None:
        self.stack.append(self.refer(self.stack.pop()))

    def call(self, _: Any) -> None:
        function, arguments = self._popped(2)
        if not callable(function) or type(arguments) is not tuple:
            raise self._unsafe(f"a call of {type(function).__name__}")
        self.stack.append(function(*arguments))

    def build(self, _: Any) -> None:
        """Attributes of an ``OrderedDict``: they are no part of what it holds."""
        self.stack.pop()
        if type(self.stack[-1]) is not dict:
            raise self._unsafe(f"attributes set on {type(self.stack[-1]).__name__}")

    def _popped(self, count: int) -> list[Any]:
        start = len(self.stack) - count
        if start < 0:
            raise ValueError("more is taken from the stack than is on it")
        popped = self.stack[start:]
        del self.stack[start:]
        return popped

    def _since_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.aside.pop()
        return found

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise self._unsafe(f"items added to {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise self._unsafe(f"items set on {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in {str, int}:
                raise ValueError(f"{type(key).__name__} as the key of a dictionary")
            target[key] = value

    def _unsafe(self, what: str) -> UnsafeCheckpoint:
        return UnsafeCheckpoint(
            f"{self.where} was refused; nothing of it was run",
            got=f"a pickle with {what}",
            expected="tensors and plain values, by the names "
            + ", ".join(sorted(map(_dotted, self.known))),
            do="load it where you trust it, and save its state_dict as .safetensors",
        )


def _dotted(name: str) -> str:
    return name.replace(" ", ".", 1)


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple,
    "EMPTY_LIST": _Machine.empty_list,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "EMPTY_DICT": _Machine.empty_dict,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "BINPERSID": _Machine.persistent_id,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
}
