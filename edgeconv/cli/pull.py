"""``edgeconv pull``."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeconv.cli.console import print_json, progress, stdout


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv pull nsfwjs-mobilenet-v2`")(pull)


def pull(
    model: Annotated[str, typer.Argument(help="A known model, or a spec (.toml).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Fetch a model's published checkpoint into the cache, SHA-256 checked."""
    from edgeconv.pulling import pull as fetch
    from edgeconv.spec import load_spec

    spec = load_spec(model)
    with progress() as shown:
        path = fetch(spec, shown)
    if as_json:
        print_json({"model": spec.name, "path": str(path)})
    else:
        stdout().print(f"{spec.name} is in {path}")
