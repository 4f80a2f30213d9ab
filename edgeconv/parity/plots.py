"""The plots of a report, as SVG that lives inside an HTML page and takes on its colours.

No name of a file, picture or label is drawn: those are text of the page, where they wrap, scale
and are escaped as all other text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = npt.NDArray[np.floating[Any]]

Scores = Numbers
"""One row a picture, one column a label."""

Marks = npt.NDArray[np.bool_]

# Matplotlib wants colours and the page has variables: these stand for them until the SVG is done.
MUTED, RULE = "#010101", "#020202"
_PAGE_COLOURS = {MUTED: "var(--muted)", RULE: "var(--rule)"}

# Points are pixels, which no style sheet reaches: colours that show on light and dark paper.
SAFE, UNSAFE, FLIPPED = "#3f83c2", "#cc7722", "#e0483e"

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgeconv",
    "font.size": 8.0,
    "text.parse_math": False,
}

STRIP_HEIGHT, AXIS_HEIGHT = 40, 18
"""Of :func:`differences`, in the units of its width, 440: the page lays its text over it."""

_POINTS_PER_INCH = 72
_RASTER_DPI = 216
_SMALLEST_DECADE = -9
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent: int) -> str:
    """``10⁻⁶``: in the report's axes and in its text."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def agreement(
    reference: Scores, candidate: Scores, unsafe: Sequence[bool], flipped: Marks
) -> Markup:
    """Every score of the reference (across) against the candidate's (up).

    Args:
        reference: the scores to hold against.
        candidate: scores of the same pictures.
        unsafe: which columns belong to unsafe labels; their points have another colour.
        flipped: which pictures are decided differently; their leading score is ringed.
    """
    with new_figure(144, 144) as figure:
        axes = figure.add_axes((0.13, 0.1, 0.83, 0.83))
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.axis("off")
        for place in (0.0, 0.5, 1.0):
            axes.plot((0, 1), (place, place), color=RULE, lw=0.6, clip_on=False, zorder=0)
            axes.plot((place, place), (0, 1), color=RULE, lw=0.6, clip_on=False, zorder=0)
            name = f"{place:g}"
            axes.text(place, -0.03, name, ha="center", va="top", color=MUTED)
            axes.text(-0.03, place, name, ha="right", va="center", color=MUTED)
        axes.plot((0, 1), (0, 1), color=MUTED, lw=0.6, clip_on=False, zorder=1)
        columns = np.array(unsafe, dtype=bool)
        for chosen, colour in ((~columns, SAFE), (columns, UNSAFE)):
            across, up = _distinct(reference[:, chosen].ravel(), candidate[:, chosen].ravel())
            _points(axes, across, up, colour)
        leading = reference.argmax(axis=1)[:, None]
        across = np.take_along_axis(reference, leading, axis=1)[flipped, 0]
        up = np.take_along_axis(candidate, leading, axis=1)[flipped, 0]
        _points(axes, across, up, "none", edge=FLIPPED, size=30, alpha=0.8)
        return embedded(figure)


@dataclass(frozen=True)
class Strip:
    """One artifact's row of :func:`differences`."""

    largest: Numbers
    """The largest score difference of each picture."""
    flipped: Marks
    limit: float | None
    """The largest difference allowed, where there is a limit."""


def differences(strips: Sequence[Strip]) -> Markup:
    """One strip an artifact, one point a picture, by its largest score difference, on a log scale.

    A picture without any difference stands at the left edge.
    """
    lowest = _lowest_decade(strips)
    height = len(strips) * STRIP_HEIGHT + AXIS_HEIGHT
    with new_figure(440, height) as figure:
        axes = figure.add_axes((0.02, AXIS_HEIGHT / height, 0.96, 1 - AXIS_HEIGHT / height))
        axes.set(xlim=(lowest, 0), ylim=(len(strips), 0))
        axes.axis("off")
        for decade in range(lowest, 1):
            axes.plot((decade, decade), (0, len(strips)), color=RULE, lw=0.6, clip_on=False)
            name = power_of_ten(decade) if decade < -3 else f"{10.0**decade:g}"
            axes.text(decade, len(strips) + 0.12, name, ha="center", va="top", color=MUTED)
        for row, strip in enumerate(strips):
            across = np.log10(np.maximum(strip.largest, 10.0**lowest))
            # Spread by the golden ratio: even, and the same in every run.
            up = row + 0.5 + 0.34 * (np.arange(len(across)) * 0.618034 % 1)
            _points(axes, across[~strip.flipped], up[~strip.flipped], SAFE)
            _points(axes, across[strip.flipped], up[strip.flipped], FLIPPED, size=16, alpha=1)
            if strip.limit is not None and strip.limit > 0:
                limit = max(float(np.log10(strip.limit)), lowest)
                ends = (row + 0.44, row + 0.9)
                axes.plot((limit, limit), ends, color=MUTED, lw=1.6, clip_on=False)
        return embedded(figure)


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """A figure in the report's style, of a size in points."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH))
        figure.patch.set_visible(False)
        yield figure


def _points(
    axes: Axes,
    across: Numbers,
    up: Numbers,
    face: str,
    *,
    edge: str = "none",
    size: float = 7,
    alpha: float = 0.5,
) -> None:
    finite = np.isfinite(across) & np.isfinite(up)
    axes.scatter(
        across[finite],
        up[finite],
        s=size,
        c=face,
        edgecolors=edge,
        linewidths=1,
        alpha=alpha,
        rasterized=True,
        clip_on=False,
        zorder=2,
    )


def _distinct(across: Numbers, up: Numbers) -> tuple[Numbers, Numbers]:
    """One point for all that would fall on the same spot: a thousand labels stay cheap to draw."""
    spots = np.unique(np.round(across, 3) + 1j * np.round(up, 3))
    return spots.real, spots.imag


def _lowest_decade(strips: Sequence[Strip]) -> int:
    largest = np.concatenate([strip.largest for strip in strips])
    seen = largest[np.isfinite(largest) & (largest > 0)]
    lowest = int(np.floor(np.log10(seen.min()))) if seen.size else -1
    return min(max(lowest, _SMALLEST_DECADE), -1)


def embedded(figure: Figure) -> Markup:
    """The SVG without what only a file of its own needs: prologue, metadata, styles, ids, fonts."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", dpi=_RASTER_DPI, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[^"]*"| font-family: [^;]*;', "", svg)
    svg = re.sub(r'<svg[^>]*(viewBox="[^"]*")[^>]*>', r'<svg \1 aria-hidden="true">', svg, count=1)
    svg = svg.replace("xlink:href", "href")
    for colour, variable in _PAGE_COLOURS.items():
        svg = svg.replace(colour, variable)
    return Markup(svg)
