"""The plots of an evaluation, in the style of the parity report's.

Names of labels and files are text of the page; what is drawn here are curves and numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from edgeconv.evaluating.results import Calibration, Curve, PointResult
from edgeconv.parity.plots import FLIPPED, MUTED, RULE, SAFE, UNSAFE, embedded, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 200


def roc(curve: Curve, unsafe: bool, points: Sequence[PointResult] = ()) -> Markup:
    """False-positive rate across, recall up; operating points are ringed."""
    with new_figure(SIDE, SIDE) as figure:
        axes = _unit_square(figure, "false-positive rate", "recall")
        axes.plot((0, 1), (0, 1), color=MUTED, lw=0.6, zorder=1)
        axes.plot(*zip(*curve.roc, strict=True), color=UNSAFE if unsafe else SAFE, lw=1.4)
        for one in points:
            _ring(axes, one.false_positive_rate.value, one.recall.value)
        return embedded(figure)


def precision_recall(curve: Curve, unsafe: bool, points: Sequence[PointResult] = ()) -> Markup:
    """Recall across, precision up, in steps; operating points are ringed."""
    with new_figure(SIDE, SIDE) as figure:
        axes = _unit_square(figure, "recall", "precision")
        across, up = zip(*curve.precision_recall, strict=True)
        axes.step(across, up, where="pre", color=UNSAFE if unsafe else SAFE, lw=1.4)
        for one in points:
            _ring(axes, one.recall.value, one.precision.value)
        return embedded(figure)


def reliability(found: Calibration) -> Markup:
    """Confidence across, the share that is right up: honest scores keep to the diagonal.

    The strip below says how many pictures each bar stands for.
    """
    with new_figure(SIDE, SIDE) as figure:
        axes = _unit_square(figure, "best score", "share that is right", bottom=0.28)
        axes.plot((0, 1), (0, 1), color=MUTED, lw=0.6, zorder=3)
        counts = figure.add_axes((0.15, 0.15, 0.81, 0.1))
        counts.set(xlim=(0, 1), ylim=(0, max(one.count for one in found.bins)))
        counts.axis("off")
        for one in found.bins:
            wide = one.high - one.low
            counts.bar(one.low, one.count, wide * 0.9, align="edge", color=MUTED)
            if one.accuracy is not None and one.confidence is not None:
                axes.bar(one.low, one.accuracy, wide * 0.9, align="edge", color=SAFE, alpha=0.8)
                ends = sorted((one.accuracy, one.confidence))
                middle = one.low + wide * 0.45
                axes.plot((middle, middle), ends, color=FLIPPED, lw=1.6, zorder=2)
        return embedded(figure)


def _unit_square(figure: Figure, across: str, up: str, bottom: float = 0.15) -> Axes:
    axes: Axes = figure.add_axes((0.15, bottom, 0.81, 0.96 - bottom))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    for place in (0.0, 0.5, 1.0):
        axes.plot((0, 1), (place, place), color=RULE, lw=0.6, clip_on=False, zorder=0)
        axes.plot((place, place), (0, 1), color=RULE, lw=0.6, clip_on=False, zorder=0)
        axes.text(-0.03, place, f"{place:g}", ha="right", va="center", color=MUTED)
        _below(figure, axes, place, f"{place:g}", 0.135)
    _below(figure, axes, 0.5, across, 0.06)
    axes.text(-0.12, 0.5, up, ha="right", va="center", rotation=90, color=MUTED)
    return axes


def _below(figure: Figure, axes: Axes, place: float, text: str, height: float) -> None:
    box = axes.get_position()
    figure.text(box.x0 + place * box.width, height, text, ha="center", va="top", color=MUTED)


def _ring(axes: Axes, across: float, up: float) -> None:
    axes.scatter(
        [across], [up], s=30, c="none", edgecolors=FLIPPED, linewidths=1.4, clip_on=False, zorder=4
    )
