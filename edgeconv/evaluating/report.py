"""The report of an evaluation: one HTML file that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from edgeconv.datasets.listing import Listed
from edgeconv.errors import ImageError
from edgeconv.evaluating import plots
from edgeconv.evaluating.results import Curve, Evaluation
from edgeconv.parity.page import environment
from edgeconv.parity.thumbnails import thumbnail

MOST_LABELS = 12
"""How many labels have curves of their own."""

MOST_MISTAKES = 12


@dataclass(frozen=True)
class _Panel:
    """One label's curves."""

    label: str
    curve: Curve
    roc: Markup
    precision_recall: Markup


def render(found: Evaluation, inputs: Mapping[str, Listed]) -> str:
    """The report as HTML. It loads nothing and runs no script.

    Args:
        found: what was found.
        inputs: where they lie, by name; the worst mistakes are shown.
    """
    page = environment(Path(__file__).parent).get_template("report.html.j2")
    shown = found.mistakes[:MOST_MISTAKES]
    return page.render(
        found=found,
        unsafe=_panel("unsafe", found.unsafe, True, found) if found.unsafe else None,
        panels=_panels(found),
        reliability=plots.reliability(found.calibration),
        before=plots.reliability(found.temperature.before) if found.temperature else None,
        mistakes=shown,
        thumbnails=_thumbnails([inputs[one.name] for one in shown]),
    )


def _panels(found: Evaluation) -> list[_Panel]:
    """Of all labels, or of those that are told worst from the others."""
    worst = sorted(found.curves, key=lambda label: found.curves[label].roc_auc)[:MOST_LABELS]
    return [
        _panel(label, curve, label in found.unsafe_labels)
        for label, curve in found.curves.items()
        if label in worst
    ]


def _panel(label: str, curve: Curve, unsafe: bool, found: Evaluation | None = None) -> _Panel:
    points = found.points if found else ()
    return _Panel(
        label,
        curve,
        plots.roc(curve, unsafe, points),
        plots.precision_recall(curve, unsafe, points),
    )


def _thumbnails(inputs: Sequence[Listed]) -> dict[str, bytes]:
    """Small PNGs of those that are pictures; one that has gone since is shown by name."""
    made = {}
    for one in inputs:
        if one.row is None:
            with suppress(ImageError, OSError):
                made[one.name] = thumbnail(one.content(), one.name)
    return made
