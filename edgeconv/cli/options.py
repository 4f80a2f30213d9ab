"""Options that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Weights = Annotated[Path | None, typer.Option(help="The checkpoint of a known model.")]

Labels = Annotated[
    str, typer.Option(help="Of the scores, comma-separated, for a checkpoint that names none.")
]

Point = Annotated[
    str | None,
    typer.Option(help="The operating point that decides. Default: 'balanced', or the first."),
]
