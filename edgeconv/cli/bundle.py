"""``edgeconv bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeconv.cli.console import print_json, stderr, stdout


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: `edgeconv bundle raspberry-pi build/demo/Demo.int8.tflite --out build/pi`"
    )(bundle)


def bundle(
    kind: Annotated[str, typer.Argument(help="raspberry-pi, jetson, android or ios.")],
    artifact: Annotated[Path, typer.Argument(help="A file that edgeconv exported.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to make; an earlier bundle is replaced.")
    ] = None,
    app: Annotated[
        Path | None, typer.Option(help="ios: the Xcode project to put it into, instead.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make a folder that runs on a device, and tests itself there."""
    from edgeconv.bundling import bundle as make

    made = make(kind, artifact, out, app=app)
    for note in made.notes:
        stderr().print(f"[yellow]note:[/] {note}")
    if as_json:
        print_json(
            {
                "bundle": made.kind,
                "out": str(made.out),
                "files": list(made.files),
                "notes": list(made.notes),
            }
        )
        return
    start = "; start with its README.md" if "README.md" in made.files else ""
    stdout().print(f"{made.out}: {len(made.files)} files{start}", soft_wrap=True)
