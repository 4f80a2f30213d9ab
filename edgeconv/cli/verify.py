"""``edgeconv verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeconv.cli.console import exit_code, print_json, progress, stdout, warn_of
from edgeconv.cli.run_table import print_run, run_as_json


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv verify build/demo --images photos/ --html report.html`")(
        verify
    )


def verify(
    artifact: Annotated[Path, typer.Argument(help="An exported file, or a folder of them.")],
    against: Annotated[
        str | None,
        typer.Option(help="Compare with this exported file, checkpoint or model."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The original checkpoint. Default: as the manifest says.")
    ] = None,
    spec: Annotated[
        str | None, typer.Option(help="A TOML that says what files without a contract do not.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures. Default: the built-in set.")
    ] = None,
    max_flip_rate: Annotated[
        float | None, typer.Option(help="Changed decisions to allow, 0..1, at 95 % confidence.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write down what the file answered on this machine.")
    ] = None,
    recording: Annotated[
        Path | None, typer.Option(help="Judge what --record wrote, instead of running the file.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Run exported files through the three gates and judge them."""
    from edgeconv import verifying as api

    with progress() as shown:
        run = api.verify(
            artifact,
            against=against,
            weights=weights,
            spec=spec,
            images=images,
            max_flip_rate=max_flip_rate,
            record=record,
            recording=recording,
            html=html,
            progress=shown,
        )
    warn_of(run.notice)
    if as_json:
        print_json(run_as_json(run))
    else:
        print_run(run)
        if html:
            stdout().print(f"  report  {html}")
    raise typer.Exit(exit_code(run.verdict))
