"""How ``edgeconv classify`` writes what it found: for people, as JSON, JSON lines or CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from edgeconv.cli.console import print_json, stderr, stdout

if TYPE_CHECKING:
    from edgeconv.classifying import Decision, MovingDecision, Unreadable

FORMATS = ("text", "json", "jsonl", "csv")


class Writer(Protocol):
    """Takes answers one by one."""

    def write(self, one: Decision | Unreadable) -> None: ...

    def close(self) -> None:
        """All are there."""


def writer_of(name: str, labels: Sequence[str], out: TextIO) -> Writer:
    """The writer of a format in :data:`FORMATS`; ``out`` is stdout."""
    if name == "json":
        return _Json()
    if name == "jsonl":
        return _JsonLines(out)
    return _Csv(out, labels) if name == "csv" else _Text()


class Held:
    """Keeps what it is given until all are there, where a progress bar has the terminal."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._held: list[Decision | Unreadable] = []

    def write(self, one: Decision | Unreadable) -> None:
        self._held.append(one)

    def close(self) -> None:
        for one in self._held:
            self._writer.write(one)
        self._writer.close()


class _Json:
    """One document: a list."""

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []

    def write(self, one: Decision | Unreadable) -> None:
        self._found.append(one.as_dict())

    def close(self) -> None:
        print_json(self._found)


class _JsonLines:
    """One document a line, as soon as it is known."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, one: Decision | Unreadable) -> None:
        self._out.write(json.dumps(one.as_dict(), ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        pass


class _Csv:
    """One row a file, and a column a label. Spans read ``1.5-3.0;7.0-9.5``, in seconds."""

    def __init__(self, out: TextIO, labels: Sequence[str]) -> None:
        import csv

        self._labels = labels
        self._out = out
        self._rows = csv.writer(out, lineterminator="\n")
        columns = ("file", "label", "unsafe", "frames", "seconds", "spans", "error")
        self._rows.writerow([*columns, *(f"score {label}" for label in labels)])

    def write(self, one: Decision | Unreadable) -> None:
        values = one.as_dict()
        scores = values.get("scores", {})
        self._rows.writerow(
            [
                values["file"],
                values.get("label"),
                {True: "true", False: "false", None: None}[values.get("unsafe")],
                values.get("frames"),
                values.get("seconds"),
                ";".join(f"{start}-{end}" for start, end in values.get("spans", ())),
                " ".join(values.get("error", "").split()),
                *(scores.get(label) for label in self._labels),
            ]
        )
        self._out.flush()

    def close(self) -> None:
        pass


class _Text:
    """A coloured line each; what could not be read on stderr."""

    def write(self, one: Decision | Unreadable) -> None:
        from rich.markup import escape

        from edgeconv.classifying import Decision, MovingDecision

        if isinstance(one, Decision):
            scores = "  ".join(f"{escape(name)} {score:.3f}" for name, score in one.scores.items())
            colour = "red" if one.unsafe else "green"
            when = f"  {_when(one)}" if isinstance(one, MovingDecision) else ""
            label, file = escape(one.label), escape(one.file)
            stdout().print(f"[{colour}]{label}[/]  {file}{when}  [dim]{scores}[/]")
        if error := getattr(one, "error", None):
            stderr().print(f"[red]error:[/] {escape(error)}")

    def close(self) -> None:
        pass


def _when(one: MovingDecision) -> str:
    spans = ", ".join(f"{start:g}-{end:g}" for start, end in one.spans)
    return f"unsafe at {spans} of {one.seconds:g} s" if spans else f"safe for {one.seconds:g} s"
