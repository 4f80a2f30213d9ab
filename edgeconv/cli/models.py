"""``edgeconv models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli.console import print_json, stdout

if TYPE_CHECKING:
    from edgeconv.spec import ModelSpec


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
                    "architecture": spec.architecture,
                    "input": spec.input.model_dump(mode="json"),
                    "formats": list(spec.checkpoint.formats),
                    "published": [file.url for file in spec.checkpoint.published],
                    "weights": weights_at_hand(spec),
                    "licence": spec.checkpoint.licence,
                }
                for spec in specs
            ]
        )
        return
    _print_list(specs)


def _print_list(specs: list[ModelSpec]) -> None:
    """Names in one column and all else in the other, which wraps where the terminal is narrow."""
    from rich.markup import escape
    from rich.table import Table

    from edgeconv.pulling import weights_at_hand
    from edgeconv.systems_table import takes

    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for spec in specs:
        labels = escape(", ".join(spec.labels))
        weights = f"weights {weights_at_hand(spec)} ({', '.join(spec.checkpoint.formats)})"
        details = f"{takes(spec.input)} -> {labels}\n{weights}"
        table.add_row(f"[bold]{spec.name}[/]", f"{escape(spec.summary)}\n[dim]{details}[/]")
    stdout().print(table)
