"""``edgeconv train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeconv.cli.console import print_json, progress, stdout, warn_of

if TYPE_CHECKING:
    from edgeconv.training import TrainingRun


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv train nsfw-mobilenet-v2 --data pictures`")(train)


def train(
    model: Annotated[str, typer.Argument(help="A known model, or a spec (.toml).")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with train/LABEL/* and test/LABEL/*. The demo draws its own."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: build/train-MODEL")
    ] = None,
    body: Annotated[
        str | None,
        typer.Option(help="imagenet, none, or a checkpoint. Default: as the spec says."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs in all. Default: as the spec says.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of all that is random. Default: as the spec says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Train or fine-tune a model. The same command again goes on where it was interrupted."""
    from edgeconv.spec import load_spec
    from edgeconv.training import train as run_training

    spec = load_spec(model)
    folder = out or Path("build") / f"train-{spec.name}"
    with progress() as shown:
        run = run_training(spec, data, folder, body=body, epochs=epochs, seed=seed, progress=shown)
    warn_of(spec.notice)
    if as_json:
        print_json(_as_json(spec.name, run))
        return
    held_out = run.held_out
    console = stdout()
    console.print(
        f"{held_out.accuracy:.1%} of {held_out.pictures} held-out pictures are right, "
        f"loss {held_out.loss:.3f}, after {len(run.history)} epochs"
    )
    if run.stopped:
        console.print(f"  stopped early  {run.stopped}")
    if run.unreadable:
        console.print(f"  left out       {run.unreadable} pictures that cannot be read")
    console.print(f"  weights        {run.weights}")
    console.print(f"  history        {run.plot}")


def _as_json(model: str, run: TrainingRun) -> dict[str, Any]:
    return {
        "model": model,
        "weights": str(run.weights),
        "pictures": run.held_out.pictures,
        "accuracy": run.held_out.accuracy,
        "loss": run.held_out.loss,
        "borderline": run.held_out.borderline,
        "unreadable": run.unreadable,
        "stopped": run.stopped,
        "history": [epoch.model_dump(mode="json") for epoch in run.history],
    }
