"""``edgeconv models``."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeconv.cli.console import print_json, stdout


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv models --json`")(models)


def models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the known models, where their weights come from, and what is here already."""
    from edgeconv.pulling import weights_at_hand
    from edgeconv.spec import known_models, load_spec

    specs = [load_spec(name) for name in known_models()]
    if as_json:
        print_json(
            [
                {
                    "name": spec.name,
                    "summary": spec.summary,
                    "notice": spec.notice,
                    "labels": list(spec.labels),
                    "unsafe": list(spec.unsafe),
                    "formats": list(spec.checkpoint.formats),
                    "published": [file.url for file in spec.checkpoint.published],
                    "weights": weights_at_hand(spec),
                }
                for spec in specs
            ]
        )
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("model", "labels", "weights", "what it is"):
        table.add_column(column)
    for spec in specs:
        table.add_row(
            f"[bold]{spec.name}[/]", ", ".join(spec.labels), weights_at_hand(spec), spec.summary
        )
    stdout().print(table)
