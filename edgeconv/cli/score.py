"""``edgeconv score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli.console import listed, print_json, stdout, warn_of
from edgeconv.cli.options import Labels, Point, Weights
from edgeconv.cli.score_progress import display

if TYPE_CHECKING:
    from edgeconv.scoring.run import ScoreRun
    from edgeconv.scoring.watching import Watcher


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv score build/demo photos/ --out scores`")(score)


def score(
    model: Annotated[
        str,
        typer.Argument(
            help="An artifact; an export folder: its fastest verified file; a model or checkpoint."
        ),
    ],
    given: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Folder, list (.txt) or file: images, .tar shards, .parquet, .npy. Path or URL.",
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder or URL. A run begun there is gone on with.")],
    weights: Weights = None,
    labels: Labels = "",
    point: Point = None,
    engine: Annotated[str, typer.Option(help="local, ray or spark.")] = "local",
    workers: Annotated[
        int | None, typer.Option(help="Of one thread each. Default: one a core of this machine.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Ray or Spark cluster. Default: start one here.")
    ] = None,
    exact_decode: Annotated[
        bool, typer.Option("--exact-decode", help="Never decode a JPEG at a fraction of its size.")
    ] = False,
    column: Annotated[
        str | None,
        typer.Option(help="Of parquet: what is scored. Default: the only one that fits."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Of parquet: what names the rows. Default: their place.")
    ] = None,
    prometheus: Annotated[
        Path | None, typer.Option(help="A text file of metrics, kept up to date.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary on stdout.")] = False,
) -> None:
    """Score millions of pictures or embeddings: parquet, one row an input, whatever happens.

    Kill it and call it again: it goes on. What cannot be read is a row with an error. Of an
    animation the first frame counts.
    """
    from edgeconv.scoring.run import score as run
    from edgeconv.scoring.watching import PrometheusFile

    with display() as shown:
        watchers: list[Watcher] = [shown]
        if prometheus is not None:
            watchers.append(PrometheusFile(prometheus))
        done = run(
            model,
            given,
            out,
            weights=weights,
            labels=listed(labels),
            point=point,
            engine=engine,
            workers=workers,
            cluster=cluster,
            exact_decode=exact_decode,
            column=column,
            key=key,
            watchers=watchers,
            progress=shown,
        )
    warn_of(done.notice)
    if as_json:
        print_json(done.summary)
    else:
        _print(done)
    if done.counts.errors == done.counts.rows:
        raise typer.Exit(2)


def _print(done: ScoreRun) -> None:
    counts, summary = done.counts, done.summary
    errors = f", [red]{counts.errors:,} with an error[/]" if counts.errors else ""
    stdout().print(
        f"{counts.rows:,} rows, {counts.unsafe:,} unsafe{errors}; "
        f"{summary['rows_per_second']:,.0f} a second\n  {done.parts}",
        soft_wrap=True,
    )
