"""How ``edgeconv score`` shows that it goes on: what is being done, rate, time left, errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from edgeconv.cli.console import Lines, stderr

if TYPE_CHECKING:
    from edgeconv.scoring.watching import Tally

LINE_EVERY = 10.0
"""Seconds between two lines, where stderr is no terminal."""


class Display(Protocol):
    """A :class:`~edgeconv.progress.Progress` and a watcher of the run."""

    def step(self, text: str, total: int | None = None) -> None: ...

    def advance(self) -> None: ...

    def note(self, text: str) -> None: ...

    def __call__(self, tally: Tally) -> None: ...


@contextmanager
def display() -> Iterator[Display]:
    """A bar on a terminal, else a line now and then."""
    console = stderr()
    if not console.is_terminal:
        yield _ScoringLines()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24))
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bar(bars)


def sentence(tally: Tally) -> str:
    """``12,000 of 100,000, 5,210 a second, 17 s left, 3 errors``."""
    left = "" if tally.left is None else f", {_duration(tally.left)} left"
    return (
        f"{tally.counts.rows:,} of {tally.planned:,}, {tally.rate:,.0f} a second{left}, "
        f"{tally.counts.errors:,} errors"
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )


class _ScoringLines(Lines):
    """With a line now and then of how far it is."""

    def __init__(self) -> None:
        self._due = 0.0

    def __call__(self, tally: Tally) -> None:
        if monotonic() < self._due and tally.counts.rows < tally.planned:
            return
        self._due = monotonic() + LINE_EVERY
        sys.stderr.write(f"scoring: {sentence(tally)}\n")


class _Bar:
    """One bar, for what is being done now."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None)

    def step(self, text: str, total: int | None = None) -> None:
        self._bars.reset(self._task, description=text, total=total)

    def advance(self) -> None:
        self._bars.advance(self._task)

    def note(self, text: str) -> None:
        self._bars.console.print(f"[yellow]note:[/] {text}")

    def __call__(self, tally: Tally) -> None:
        self._bars.update(
            self._task,
            description=f"scoring {sentence(tally)}",
            total=tally.planned,
            completed=tally.counts.rows,
        )
