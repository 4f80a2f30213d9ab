"""How long work says what it is doing.

The library calls a :class:`Progress`; the command line draws it. Without one, it is silent.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what is being done now."""

    def step(self, text: str, total: int | None = None) -> None:
        """A new piece of work begins; ``total`` is how many :meth:`advance` calls it will make."""

    def advance(self) -> None:
        """One of the current step's items is done."""

    def note(self, text: str) -> None:
        """Something the reader should know, kept on the screen."""


class Silent:
    """A :class:`Progress` that shows nothing."""

    def step(self, text: str, total: int | None = None) -> None:
        pass

    def advance(self) -> None:
        pass

    def note(self, text: str) -> None:
        pass
