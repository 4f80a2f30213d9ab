"""An evaluation on the terminal: how good it is, then by label, then where it errs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeconv.cli.console import stdout

if TYPE_CHECKING:
    from edgeconv.evaluating.results import (
        Comparison,
        Evaluation,
        Interval,
        PointResult,
        TemperatureFit,
    )

SHOWN = 5
"""How many mistakes, and unreadable files, are named; the report and ``--json`` have more."""


def print_evaluation(found: Evaluation) -> None:
    """Accuracy, labels, calibration, operating points, comparison, mistakes."""
    from rich.markup import escape

    console = stdout()
    accuracy = found.accuracy
    console.print(
        f"[bold]{_percent(accuracy.value)}[/] of {accuracy.of} {found.noun}s are right "
        f"({_percent(accuracy.low)} to {_percent(accuracy.high)} with 95 % confidence)  "
        f"[dim]{escape(found.model)} in {escape(found.runtime)}[/]\n",
        soft_wrap=True,
    )
    _print_labels(found)
    if found.unsafe:
        console.print(
            f"  unsafe or not: area under ROC {found.unsafe.roc_auc:.4f}, "
            f"average precision {found.unsafe.average_precision:.4f}"
        )
    nll = found.calibration.nll
    console.print(
        f"  calibration error {found.calibration.ece:.4f}"
        + ("" if nll is None else f", negative log-likelihood {nll:.4f}")
    )
    if found.temperature:
        _print_temperature(found.temperature)
    _print_points(found)
    if found.comparison:
        _print_comparison(found.comparison, found.noun)
    for one in found.mistakes[:SHOWN]:
        console.print(
            f"  [yellow]wrong[/] {escape(one.name)}: {escape(one.decided)} "
            f"{one.scores[one.decided]:.3f}, {escape(one.truth)} {one.scores[one.truth]:.3f}",
            soft_wrap=True,
        )
    if found.absent:
        console.print(f"  [yellow]nothing of[/] {escape(', '.join(found.absent))}")
    if found.unreadable:
        console.print(f"  [yellow]{len(found.unreadable)} cannot be read[/], and are left out:")
    for name, reason in list(found.unreadable.items())[:SHOWN]:
        console.print(f"    {escape(name)}: {escape(reason)}", soft_wrap=True)


def _print_labels(found: Evaluation) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  label", no_wrap=True)
    columns = (f"{found.noun}s", "precision", "recall", "F1", "AUC", "AP")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right")
    table.add_column("taken for")
    for row, one in enumerate(found.by_label):
        curve = found.curves.get(one.label)
        taken = sorted(
            (
                (count, found.labels[column])
                for column, count in enumerate(found.confusion[row])
                if count and column != row
            ),
            reverse=True,
        )
        table.add_row(
            f"  {escape(one.label)}" + (" [red]unsafe[/]" if one.unsafe else ""),
            str(one.support),
            _percent(one.precision),
            _percent(one.recall),
            f"{one.f1:.3f}",
            f"{curve.roc_auc:.4f}" if curve else "",
            f"{curve.average_precision:.4f}" if curve else "",
            escape(", ".join(f"{label} {count}" for count, label in taken[:3])),
        )
    stdout().print(table)


def _print_temperature(fit: TemperatureFit) -> None:
    before, after = fit.before, fit.after
    stdout().print(
        f"  temperature {fit.temperature:.4f}: calibration error {before.ece:.4f} -> "
        f"{after.ece:.4f}, negative log-likelihood {before.nll:.4f} -> {after.nll:.4f}; "
        "no label changes; all else here is with it",
        soft_wrap=True,
    )


def _print_points(found: Evaluation) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not found.points:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  operating point", no_wrap=True)
    columns = ("threshold", "recall", "false positives", "precision", "flagged")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right")
    for one in found.points:
        table.add_row(
            f"  {escape(one.point.name)}",
            _threshold(one),
            _with_interval(one.recall),
            _with_interval(one.false_positive_rate),
            _with_interval(one.precision),
            str(one.flagged),
        )
    stdout().print()
    stdout().print(table)
    stdout().print()


def _print_comparison(found: Comparison, noun: str) -> None:
    from rich.markup import escape

    lost = ", ".join(f"{one.label} {one.negative}" for one in found.by_label if one.negative)
    against = escape(found.against)
    stdout().print(
        f"  against {against} ({_percent(found.accuracy.value)} right): "
        f"{found.negative_flips} negative flips ({_percent(found.negative_flip_rate)} of "
        f"{noun}s, at most {_percent(found.bound_95)} with 95 % confidence)"
        + (f": {escape(lost)}" if lost else "")
        + f"; {found.positive_flips} positive ones; McNemar's exact p = {found.p_value:.3g}",
        soft_wrap=True,
    )


def _threshold(one: PointResult) -> str:
    value, low, high = one.threshold.value, one.threshold.low, one.threshold.high
    return f"{value:.4f}" + (f" [dim]({low:.4f} to {high:.4f})[/]" if one.chosen else "")


def _with_interval(share: Interval) -> str:
    return f"{_percent(share.value)} [dim]({_percent(share.low)} to {_percent(share.high)})[/]"


def _percent(share: float) -> str:
    return f"{share:.2%}" if 0 < share < 0.01 else f"{share:.1%}"
