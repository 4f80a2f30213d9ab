"""A parity run on the terminal: the verdict first, then one row an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeconv.cli.console import COLOURS, stdout

if TYPE_CHECKING:
    from edgeconv.parity.results import ArtifactResult, ParityRun


def print_run(run: ParityRun) -> None:
    """Verdict, headline, table, and every finding and warning in words."""
    from rich.markup import escape
    from rich.table import Table

    console = stdout()
    verdict = run.verdict.value
    console.print(f"[bold {COLOURS[verdict]}]{verdict}[/]  {escape(run.headline)}\n")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("artifact", "size", "weights", "time", "scores differ by", "flips", "gates"):
        table.add_column(column, no_wrap=True)
    for result in run.artifacts:
        table.add_row(*_row(result))
    console.print(table)
    for result in run.artifacts:
        for line in _remarks(result):
            console.print(f"  [yellow]{escape(result.path)}[/]: {escape(line)}", soft_wrap=True)
        if result.note and result.gates:
            console.print(f"  [dim]{escape(result.path)}: {escape(result.note)}[/]", soft_wrap=True)


def run_as_json(run: ParityRun) -> dict[str, Any]:
    """The document of ``verify --json``."""
    return {
        "verdict": run.verdict.value,
        "headline": run.headline,
        "model": run.model,
        "notice": run.notice,
        "artifacts": [
            {
                "path": result.path,
                "runtime": result.runtime,
                "verdict": result.verdict.value,
                "note": result.note,
                "warnings": list(result.warnings),
                "gates": {
                    name: {
                        "verdict": gate.verdict.value,
                        "images": gate.images,
                        "flips": gate.flips.count,
                        "newly_flagged": gate.flips.newly_flagged,
                        "newly_missed": gate.flips.newly_missed,
                        "flip_bound_95": gate.flips.bound_95,
                        "operating_points": [
                            point.model_dump(mode="json") for point in gate.points
                        ],
                        "max_abs_diff": gate.differences.max_abs,
                        "mean_abs_diff": gate.differences.mean_abs,
                        "kl_mean": gate.differences.kl_mean,
                        "findings": list(gate.findings),
                    }
                    for name, gate in result.gates.items()
                },
            }
            for result in run.artifacts
        ],
    }


def size_text(count: int) -> str:
    """Bytes as ``10.3 MB``."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _row(result: ArtifactResult) -> tuple[str, ...]:
    gates = " ".join(
        f"[{COLOURS[gate.verdict.value]}]{name}[/]" for name, gate in result.gates.items()
    )
    found = result.gates.get("file")
    latency = result.latency
    return (
        result.path,
        size_text(result.bytes),
        result.found.weight_type,
        f"{latency.median_ms:.1f} ms" if latency else "",
        f"{found.differences.max_abs:.2g}" if found else "",
        str(found.flips.count) if found else "",
        gates or f"[dim]{result.note or 'not run here'}[/]",
    )


def _remarks(result: ArtifactResult) -> list[str]:
    gates_by_finding: dict[str, list[str]] = {}
    for name, gate in result.gates.items():
        for finding in gate.findings:
            gates_by_finding.setdefault(finding, []).append(name)
    lines = [f"{', '.join(names)}: {finding}" for finding, names in gates_by_finding.items()]
    return [*lines, *result.warnings]
