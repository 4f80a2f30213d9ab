"""``edgeconv classify``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli.console import print_json, progress, stderr, stdout, warn_of

if TYPE_CHECKING:
    from edgeconv.classifying import Decision, Unreadable


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv classify build/demo/Demo.int8.tflite photos/ --json`")(
        classify
    )


def classify(
    model: Annotated[
        str, typer.Argument(help="An artifact, a known model, a spec (.toml), or a checkpoint.")
    ],
    files: Annotated[list[str], typer.Argument(help="Images and folders; - for stdin.")],
    weights: Annotated[Path | None, typer.Option(help="The checkpoint of a known model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Label pictures. Files that cannot be read are reported, and the rest is classified."""
    from edgeconv.classifying import STDIN, Decision, open_scorer
    from edgeconv.classifying import classify as decisions_of

    with progress() as shown:
        shown.step(f"loading {model}")
        scorer = open_scorer(model, weights)
        stdin = sys.stdin.buffer.read() if STDIN in files else None
        found = list(decisions_of(scorer, files, stdin=stdin, progress=shown))
    warn_of(scorer.notice)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            _show(one)
    if not any(isinstance(one, Decision) for one in found):
        raise typer.Exit(2)


def _show(one: Decision | Unreadable) -> None:
    from rich.markup import escape

    from edgeconv.classifying import Unreadable

    if isinstance(one, Unreadable):
        stderr().print(f"[red]error:[/] {escape(one.error)}")
        return
    scores = "  ".join(f"{escape(label)} {score:.3f}" for label, score in one.scores.items())
    colour = "red" if one.unsafe else "green"
    stdout().print(f"[{colour}]{escape(one.label)}[/]  {escape(one.file)}  [dim]{scores}[/]")
