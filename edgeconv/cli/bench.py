"""``edgeconv bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli.console import print_json, progress, stdout

if TYPE_CHECKING:
    from edgeconv.benching.results import Benched, BenchRun, Timing


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv bench build/demo --plot bench.png`")(bench)


def bench(
    artifact: Annotated[Path, typer.Argument(help="A folder of exported files, or one of them.")],
    plot: Annotated[
        Path | None, typer.Option(help="Draw size, latency and flips here (.png or .svg).")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="raspberry-pi or jetson: say how to run the bench there, measure nothing."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Time every exported file on this machine, and say what each saves and changes."""
    if device is not None:
        _show_recipe(device, artifact, as_json)
        return
    from edgeconv.benching.bench import bench as run_bench
    from edgeconv.benching.plot import check_plot, write_plot

    if plot is not None:
        check_plot(plot)
    with progress() as shown:
        run = run_bench(artifact, progress=shown)
    if plot is not None:
        write_plot(run, plot)
    if as_json:
        print_json(run.model_dump(mode="json"))
        return
    _show(run)
    if plot is not None:
        stdout().print(f"  plot  {plot}")


def _show_recipe(device: str, artifact: Path, as_json: bool) -> None:
    from edgeconv.benching.device import recipe

    lines = recipe(device, artifact)
    if as_json:
        print_json({"device": device, "commands": lines})
    else:
        stdout().print("\n".join(lines), soft_wrap=True, markup=False)


def _show(run: BenchRun) -> None:
    from rich.table import Table

    console = stdout()
    console.print(f"[bold]{run.headline}[/]\n", soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in (
        "artifact",
        "size",
        "one thread (5-95 %)",
        f"{run.threads} threads (5-95 %)",
        "of fp32",
        "load",
        "peak memory",
        "scores differ by (max)",
        "flips",
    ):
        table.add_column(column, no_wrap=True)
    for one in run.artifacts:
        table.add_row(*_row(one))
    console.print(table)
    for note, names in _notes(run).items():
        console.print(f"  [dim]{', '.join(names)}: {note}[/]", soft_wrap=True)
    console.print(
        f"  {run.machine}, {run.rounds} rounds in turns{_against(run)}{_busy(run)}", soft_wrap=True
    )


def _row(one: Benched) -> tuple[str, ...]:
    from edgeconv.cli.run_table import size_text

    loading, agreed, timing = one.loading, one.agreement, one.one_thread
    return (
        one.path,
        size_text(one.bytes),
        _time(timing),
        _time(one.all_threads),
        f"{timing.relative:.2f}" if timing and timing.relative else "",
        f"{loading.load_ms:.0f} ms" if loading else "",
        f"{loading.peak_mb:.0f} MB" if loading and loading.peak_mb else "",
        f"{agreed.mean_diff:.2g} ({agreed.max_diff:.2g})" if agreed else "",
        f"{agreed.flips} of {agreed.images}" if agreed else "",
    )


def _time(timing: Timing | None) -> str:
    if timing is None:
        return ""
    return f"{timing.median_ms:.2f} ms ({timing.p5_ms:.2f}-{timing.p95_ms:.2f})"


def _notes(run: BenchRun) -> dict[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for one in run.artifacts:
        if one.note:
            notes.setdefault(one.note, []).append(one.path)
    return notes


def _against(run: BenchRun) -> str:
    names = {one.agreement.held_against for one in run.artifacts if one.agreement}
    return f"; scores held against {', '.join(sorted(names))}" if names else ""


def _busy(run: BenchRun) -> str:
    if run.load is None or run.load <= 0.5:
        return ""
    return f"; [yellow]the machine was busy[/] (load {run.load:.0%} before the bench)"
