"""What all verbs share: JSON on stdout, everything else on stderr, progress, errors, verdicts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from edgeconv.errors import EdgeconvError
    from edgeconv.parity.results import Verdict
    from edgeconv.progress import Progress

LOG_WIDTH = 140
"""Columns of a table that goes into a file or a pipe."""

EXIT_CODES = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "NOT_RUN": "dim"}


def stderr() -> Console:
    """Where people read."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def stdout() -> Console:
    """Where a verb's answer goes when it is not JSON."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    return console


def listed(text: str) -> list[str]:
    """The parts of a comma-separated option."""
    return [part.strip() for part in text.split(",") if part.strip()]


def pairs(text: str | None) -> dict[str, str]:
    """What ``--map`` says: the labels of a dataset, and those of the model.

    Raises:
        UsageError: it says something else.
    """
    from edgeconv.errors import UsageError

    found = [pair.partition("=") for pair in listed(text or "")]
    if wrong := ["".join(pair) for pair in found if not all(pair)]:
        raise UsageError("--map cannot be read", got=wrong, expected="Drawing=Neutral,Hentai=Porn")
    return {old.strip(): new.strip() for old, _, new in found}


def print_json(document: Any) -> None:
    """The one JSON document of a run."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def explain_error(error: EdgeconvError, as_json: bool) -> None:
    """Say what was got, what was expected and what to do."""
    if as_json:
        print_json(
            {
                "error": {
                    "type": type(error).__name__,
                    "message": error.message,
                    "got": list(error.got),
                    "expected": list(error.expected),
                    "do": error.do,
                }
            }
        )
    from rich.text import Text

    stderr().print(Text.assemble(("error: ", "bold red"), str(error)))


def exit_code(verdict: Verdict | None) -> int:
    """0 passed, or not verified as asked; 1 failed; 3 inconclusive."""
    return 0 if verdict is None else EXIT_CODES[verdict.value]


def warn_of(notice: str | None) -> None:
    """The loud sentence of a model that must not be misunderstood."""
    console = stderr()
    if notice and console.is_terminal:
        from rich.panel import Panel

        console.print(Panel(notice, style="bold yellow", expand=False))
    elif notice:
        sys.stderr.write(f"NOTICE: {notice}\n")


@contextmanager
def progress() -> Iterator[Progress]:
    """Shows what is being done now; plain lines where stderr is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    console = stderr()
    if not console.is_terminal:
        yield Lines()
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bars:
        yield _Bars(bars)


class Lines:
    """One line a step, for logs."""

    def step(self, text: str, total: int | None = None) -> None:
        sys.stderr.write(f"{text} ({total})\n" if total else f"{text}\n")

    def advance(self) -> None:
        pass

    def note(self, text: str) -> None:
        sys.stderr.write(f"note: {text}\n")


class _Bars:
    """One bar, for the step that is being done now."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._task: Any = None

    def step(self, text: str, total: int | None = None) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(text, total=total)

    def advance(self) -> None:
        if self._task is not None:
            self._bars.advance(self._task)

    def note(self, text: str) -> None:
        self._bars.console.print(f"[yellow]note:[/] {text}")
