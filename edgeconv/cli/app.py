"""The verbs, one file each."""

from __future__ import annotations

import typer

from edgeconv.cli import (
    bench,
    bundle,
    classify,
    evaluate,
    export,
    models,
    pull,
    score,
    serve,
    show,
    train,
    verify,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Turns an image classifier into files that ship on phones and boards, "
    "and proves that every file decides as the original does.",
    epilog="Start with: `edgeconv export` (the embedded demo, to every target).",
)
VERBS = (
    models,
    show,
    pull,
    train,
    evaluate,
    export,
    verify,
    bench,
    classify,
    score,
    serve,
    bundle,
)
for verb in VERBS:
    verb.register(app)
