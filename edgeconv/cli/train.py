"""``edgeconv train``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeconv.cli.console import pairs, print_json, progress, stdout, warn_of

if TYPE_CHECKING:
    from edgeconv.training import Audit, TrainingRun


class Strategy(str, Enum):
    """Where to compute, by the names of :mod:`edgeconv.training.strategy`."""

    AUTO = "auto"
    MIRRORED = "mirrored"
    MULTI_WORKER = "multi-worker"


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv train nsfw-mobilenet-v2 --data pictures`")(train)


def train(
    model: Annotated[str, typer.Argument(help="A known model, or a spec (.toml).")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with train/LABEL/* and test/LABEL/*, a .csv or .parquet with path and "
            "label, or WebDataset .tar shards; .npy or .parquet for embeddings. The demos draw "
            "their own."
        ),
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
    labels: Annotated[
        str | None,
        typer.Option("--map", help="Labels that count as others: Drawing=Neutral,Hentai=Porn"),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Of each label, what is kept for testing where nothing is: 10%"),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse pictures that cannot be read.")
    ] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Look at the data, and do nothing else.")
    ] = False,
    strategy: Annotated[
        Strategy, typer.Option(help="Where to compute; several machines by TF_CONFIG.")
    ] = Strategy.AUTO,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write OUT/tensorboard too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Train or fine-tune a model. The same command again goes on where it was interrupted.

    The model's page says how, under [training]. Mixed precision is bfloat16, never float16.
    """
    from edgeconv.spec import load_spec
    from edgeconv.training import audit_data
    from edgeconv.training import train as run_training

    spec = load_spec(model)
    asked: dict[str, Any] = {
        "seed": seed,
        "labels": pairs(labels),
        "split": _share(split),
        "strict": strict,
    }
    if audit:
        with progress() as shown:
            found = audit_data(spec, data, **asked, progress=shown)
        if as_json:
            print_json({"model": spec.name, **found.model_dump(mode="json")})
        else:
            _print_audit(found)
        return
    folder = out or Path("build") / f"train-{spec.name}"
    with progress() as shown:
        run = run_training(
            spec,
            data,
            folder,
            body=body,
            epochs=epochs,
            **asked,
            strategy=strategy.value,
            tensorboard=tensorboard,
            progress=shown,
        )
    warn_of(spec.notice)
    if as_json:
        print_json(_as_json(spec.name, run))
    else:
        _print_run(run, spec.input.noun)


def _share(text: str | None) -> float | None:
    from edgeconv.errors import UsageError

    if text is None:
        return None
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError("--split cannot be read", got=text, expected="10% or 0.1")
    return share


def _print_audit(found: Audit) -> None:
    console = stdout()
    for split, counts in found.labels.items():
        said = ", ".join(f"{label} {count}" for label, count in counts.items())
        console.print(f"{split:<6} {sum(counts.values())}: {said}")
    if found.sizes:
        sizes = found.sizes
        console.print(
            f"sizes  {sizes.smallest} to {sizes.largest} pixels on the shorter side, "
            f"half of them up to {sizes.median}"
        )
    for warning in found.warnings:
        console.print(f"[yellow]note:[/] {warning}", soft_wrap=True)
    if not found.warnings:
        console.print("nothing unreadable, no test picture that was trained on")


def _print_run(run: TrainingRun, noun: str) -> None:
    accuracy = run.held_out.accuracy
    console = stdout()
    console.print(
        f"{accuracy.value:.1%} of {accuracy.of} held-out {noun}s are right ({accuracy.low:.1%} to "
        f"{accuracy.high:.1%} with 95 % confidence), loss {run.held_out.loss:.3f}, "
        f"after {len(run.history)} epochs",
        soft_wrap=True,
    )
    if run.stopped:
        console.print(f"  stopped early  {run.stopped}", soft_wrap=True)
    if run.unreadable:
        console.print(f"  left out       {run.unreadable} {noun}s that cannot be read")
    if run.issues:
        worst = run.issues[0]
        console.print(
            f"  check labels   {len(run.issues)} in {run.record.name}, first {worst.name}: "
            f"{worst.given}, or {worst.seems}?",
            soft_wrap=True,
        )
    console.print(f"  weights        {run.weights}")
    console.print(f"  history        {run.plot}")
    console.print(f"  to repeat it   {run.record}")


def _as_json(model: str, run: TrainingRun) -> dict[str, Any]:
    return {
        "model": model,
        "weights": str(run.weights),
        "record": str(run.record),
        **run.held_out.model_dump(mode="json"),
        "unreadable": run.unreadable,
        "issues": [issue.model_dump(mode="json") for issue in run.issues],
        "stopped": run.stopped,
        "history": [epoch.model_dump(mode="json") for epoch in run.history],
    }
