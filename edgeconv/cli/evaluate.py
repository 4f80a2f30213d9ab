"""``edgeconv evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli.console import listed, pairs, print_json, progress, stdout, warn_of
from edgeconv.cli.options import Labels, Weights

if TYPE_CHECKING:
    from edgeconv.evaluating import Aim


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: `edgeconv evaluate build/demo/Demo.int8.tflite --data pictures "
        "--presets --save`"
    )(evaluate)


def evaluate(
    model: Annotated[
        str, typer.Argument(help="An artifact, a known model, a spec (.toml), or a checkpoint.")
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="Folder with LABEL/* or test/LABEL/*, a .csv or .parquet with path and label, or "
            "WebDataset .tar shards; .npy or .parquet for embeddings."
        ),
    ],
    weights: Weights = None,
    labels: Labels = "",
    mapping: Annotated[
        str | None,
        typer.Option("--map", help="Labels that count as others: Drawing=Neutral,Hentai=Porn"),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="What it replaces: negative flips, and McNemar's test between both."),
    ] = None,
    target_fpr: Annotated[
        str | None, typer.Option(help="A threshold that flags at most this of the safe: 1%.")
    ] = None,
    target_recall: Annotated[
        str | None, typer.Option(help="A threshold that flags at least this of the unsafe: 99%.")
    ] = None,
    max_f1: Annotated[
        bool, typer.Option("--max-f1", help="The threshold with the highest F1.")
    ] = False,
    presets: Annotated[
        bool,
        typer.Option(
            "--presets",
            help="strict (recall 99 %), balanced (highest F1) and lenient (1 % of the safe).",
        ),
    ] = False,
    fit_temperature: Annotated[
        bool,
        typer.Option("--fit-temperature", help="Make scores mean what they say; see --toml."),
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="Put the thresholds into the exported file.")
    ] = False,
    toml: Annotated[
        Path | None,
        typer.Option(help="Write the model's page, with temperature and thresholds, to export."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """How good a model is on labelled pictures; picks thresholds for flagging.

    An exported file is run itself. A picture is flagged where its unsafe scores sum to the
    threshold.
    """
    from edgeconv.cli.evaluation_table import print_evaluation
    from edgeconv.evaluating import evaluate as run_evaluation

    with progress() as shown:
        found = run_evaluation(
            model,
            data,
            weights=weights,
            labels=listed(labels),
            mapping=pairs(mapping),
            against=against,
            points=_aims(target_fpr, target_recall, max_f1),
            presets=presets,
            fit_temperature=fit_temperature,
            save=save,
            toml=toml,
            html=html,
            progress=shown,
        )
    warn_of(found.notice)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    print_evaluation(found)
    for what, path in (("report", html), ("spec", toml), ("saved in", model if save else None)):
        if path:
            stdout().print(f"  {what:<9} {path}", soft_wrap=True)


def _aims(fpr: str | None, recall: str | None, max_f1: bool) -> list[Aim]:
    from edgeconv.evaluating import MAX_F1, target_fpr, target_recall

    aims = [target_fpr(fpr)] if fpr else []
    aims += [target_recall(recall)] if recall else []
    return [*aims, MAX_F1] if max_f1 else aims
