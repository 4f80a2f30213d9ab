"""``edgeconv serve``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli.console import listed, warn_of
from edgeconv.cli.options import Labels, Point, Weights

if TYPE_CHECKING:
    from edgeconv.serving.server import Listening


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: `edgeconv serve build/demo`, then "
        "`curl --data-binary @photo.jpg localhost:8000/classify`"
    )(serve)


def serve(
    model: Annotated[
        str,
        typer.Argument(
            help="An artifact; an export folder: its fastest verified file; a model or checkpoint."
        ),
    ],
    weights: Weights = None,
    labels: Labels = "",
    point: Point = None,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 listens to everybody; there is no password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(max=65535, help="0 takes a free one.")] = 8000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that judge. Default: one a core.")
    ] = None,
    max_upload: Annotated[int, typer.Option(help="Megabytes of one request.")] = 20,
    max_pixels: Annotated[int, typer.Option(help="Megapixels of one picture.")] = 50,
    queue: Annotated[
        int, typer.Option(help="Inputs that may be pending; whoever sends more gets 429.")
    ] = 128,
    timeout: Annotated[
        float, typer.Option(help="Seconds for an upload to arrive, and for its answer.")
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Where it listens, as one line on stdout.")
    ] = False,
) -> None:
    """Answer over HTTP: POST pictures to /classify, or drop them on the page at /.

    One upload as the body, or several as a form. /openapi.json says the rest; also /model, /health
    and /metrics. SIGTERM or Ctrl-C: what was accepted is answered, then it ends.
    """
    from edgeconv.serving.limits import MEBIBYTE, MEGAPIXEL, Limits
    from edgeconv.serving.server import serve as run

    sys.stderr.write(f"loading {model}\n")

    def started(listening: Listening) -> None:
        warn_of(listening.notice)
        if as_json:
            sys.stdout.write(json.dumps(asdict(listening), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        sys.stderr.write(
            f"{listening.model}, {listening.workers} workers: {listening.url} (Ctrl-C ends)\n"
        )

    ended = run(
        model,
        weights=weights,
        labels=listed(labels),
        point=point,
        host=host,
        port=port,
        workers=workers,
        limits=Limits(
            upload=max_upload * MEBIBYTE,
            pixels=max_pixels * MEGAPIXEL,
            queue=queue,
            seconds=timeout,
        ),
        started=started,
    )
    sys.stderr.write(f"stopped; {ended.answered:,} of {ended.accepted:,} requests answered\n")
