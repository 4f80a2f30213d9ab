"""Which function translates which operation.

A translation is a plain function: its positional parameters are the operation's inputs, each a
:class:`~.values.Value` or None, its keyword parameters the operation's attributes with the defaults
that the ONNX operator specification gives them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from edgeconv.networks.onnx_to_tf.values import Untranslatable, Value

Made = Value | tuple[Value, ...]
Translation = Callable[..., Made]
Function = TypeVar("Function", bound=Translation)

_TRANSLATIONS: dict[str, Translation] = {}
_IGNORED: dict[str, frozenset[str]] = {}


def operation(*names: str, ignoring: Collection[str] = ()) -> Callable[[Function], Function]:
    """Register a function as the translation of the named operations.

    Args:
        names: of the operations.
        ignoring: attributes without effect on what is computed here.
    """

    def register(function: Function) -> Function:
        for name in names:
            if name in _TRANSLATIONS:
                raise KeyError(f"{name} is registered twice")
            _TRANSLATIONS[name] = function
            _IGNORED[name] = frozenset(ignoring)
        return function

    return register


def known_operations() -> list[str]:
    """The names of all operations that can be translated, sorted."""
    return sorted(_TRANSLATIONS)


def translate(
    name: str, inputs: Sequence[Value | None], attributes: Mapping[str, object]
) -> tuple[Value, ...]:
    """The outputs of one operation.

    Raises:
        Untranslatable: nobody translates it, or not with these attributes.
    """
    if name not in _TRANSLATIONS:
        raise Untranslatable("there is no translation of it")
    function = _TRANSLATIONS[name]
    given = {key: value for key, value in attributes.items() if key not in _IGNORED[name]}
    if strangers := set(given) - set(inspect.signature(function).parameters):
        raise Untranslatable(f"its attribute {', '.join(sorted(strangers))} is not known")
    made = function(*inputs, **given)
    return made if isinstance(made, tuple) else (made,)
