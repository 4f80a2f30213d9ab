"""``edgeconv export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeconv.cli.console import exit_code, listed, print_json, progress, stdout, warn_of
from edgeconv.cli.options import Labels
from edgeconv.cli.run_table import print_run, size_text

if TYPE_CHECKING:
    from edgeconv.export_request import Request
    from edgeconv.exporting import ExportRun


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: `edgeconv export nsfw-mobilenet-v2 --weights my.h5 --target coreml`"
    )(export)


def export(
    model: Annotated[
        str, typer.Argument(help="A known model, a spec (.toml), or a checkpoint.")
    ] = "demo",
    target: Annotated[
        str, typer.Option(help="coreml, tflite, onnx (several: comma-separated) or all.")
    ] = "all",
    precision: Annotated[
        str,
        typer.Option(
            help="fp32, fp16, dynamic, int8; for Core ML also w8, pal8, pal6, pal4, w8a8. "
            "Comma-separated. Default: the usual ones."
        ),
    ] = "",
    weights: Annotated[Path | None, typer.Option(help="The checkpoint to export.")] = None,
    labels: Labels = "",
    out: Annotated[Path | None, typer.Option(help="Folder to write. Default: build/MODEL")] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures (or .npy rows) to fit compressed files to."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures (or .npy rows) to verify on. Default: built-in set."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Run and judge every file made.")
    ] = True,
    compat: Annotated[
        str | None, typer.Option(help="tflite-2.14: for tflite-runtime 2.14, 32-bit Raspberry Pi.")
    ] = None,
    ios: Annotated[
        int,
        typer.Option(
            help="Deployment target of the .mlpackage, or later where its precision needs it."
        ),
    ] = 15,
    max_flip_rate: Annotated[
        float | None, typer.Option(help="Changed decisions to allow, 0..1, at 95 % confidence.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be made; make nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Convert a model to every target asked for, verify each file, write a report."""
    from edgeconv.export_request import plan as plan_export
    from edgeconv.exporting import export as run_export

    options: dict[str, Any] = {
        "targets": listed(target),
        "precisions": listed(precision),
        "weights": weights,
        "labels": listed(labels),
        "out": out,
        "calibration": calibration,
        "images": images,
        "verify": verify,
        "compat": compat,
        "minimum_ios": ios,
        "max_flip_rate": max_flip_rate,
    }
    if plan:
        _show_plan(plan_export(model, **options), as_json)
        return
    with progress() as shown:
        run = run_export(model, progress=shown, **options)
    warn_of(run.parity.notice if run.parity else None)
    if as_json:
        print_json(_as_json(run))
    else:
        _show(run)
    raise typer.Exit(exit_code(run.verdict))


def _show_plan(request: Request, as_json: bool) -> None:
    spec = request.spec
    if as_json:
        print_json(
            {
                "model": spec.name,
                "weights": str(request.weights),
                "out": str(request.out),
                "artifacts": list(request.names),
                "verify": request.verify,
            }
        )
        return
    console = stdout()
    console.print(f"would export {spec.name} from {request.weights} to {request.out}:")
    for name in request.names:
        console.print(f"  {name}")
    console.print("and " + ("verify each" if request.verify else "verify none"))


def _show(run: ExportRun) -> None:
    console = stdout()
    if run.up_to_date:
        console.print("[bold]nothing to do[/]: nothing has changed since the last export\n")
    if run.parity:
        print_run(run.parity)
        _show_calibration(run)
        console.print(f"  report  {run.out / 'report.html'}")
        return
    console.print("[bold yellow]UNVERIFIED[/]  as asked; run edgeconv verify before you ship\n")
    for entry in run.manifest.artifacts:
        console.print(f"  {run.out / entry.path}  {size_text(entry.bytes)}")
    _show_calibration(run)


def _show_calibration(run: ExportRun) -> None:
    if run.manifest.calibration:
        stdout().print(f"  {run.manifest.calibration.describe()}", soft_wrap=True)


def _as_json(run: ExportRun) -> dict[str, Any]:
    return {
        "model": run.manifest.model,
        "verdict": run.verdict.value if run.verdict else "UNVERIFIED",
        "headline": run.manifest.headline,
        "notice": run.parity.notice if run.parity else None,
        "up_to_date": run.up_to_date,
        "calibration": run.manifest.calibration.model_dump() if run.manifest.calibration else None,
        "artifacts": [
            {
                **entry.model_dump(mode="json"),
                "path": str(run.out / entry.path),
                "verdict": entry.verdict.value if entry.verdict else "UNVERIFIED",
            }
            for entry in run.manifest.artifacts
        ],
    }
