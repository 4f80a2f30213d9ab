"""Size against latency against changed decisions, as one picture."""

from __future__ import annotations

from pathlib import Path

from edgeconv.benching.results import Benched, BenchRun
from edgeconv.errors import UsageError
from edgeconv.files import write_atomically

SUFFIXES = (".png", ".svg")

MARKERS = {"tflite": "o", "onnx": "s", "coreml": "^"}
NO_FLIPS, SOME_FLIPS, UNKNOWN = "#3f83c2", "#e0483e", "#888888"
"""The report's colours of a kept and of a changed decision."""

DPI = 160


def check_plot(path: Path) -> None:
    """Refuse what no picture can be written to, before anything is measured.

    Raises:
        UsageError: the file is to be of another kind.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(
            f"a plot cannot be written as {path.name}", expected=f"a name in {', '.join(SUFFIXES)}"
        )


def write_plot(run: BenchRun, path: Path) -> None:
    """Draw every timed file: size across, time of one thread up, its changed decisions beside it.

    Raises:
        UsageError: the file is to be of another kind, or nothing was timed.
        FileError: it cannot be written.
    """
    import io

    import matplotlib.style
    from matplotlib.figure import Figure

    check_plot(path)
    timed = [one for one in run.artifacts if one.one_thread]
    if not timed:
        raise UsageError("nothing to plot: no file could be timed on this machine")
    with matplotlib.style.context(["default", {"svg.hashsalt": "edgeconv", "font.size": 9.0}]):
        figure = Figure(figsize=(7.5, 4.6), layout="constrained")
        axes = figure.add_subplot()
        for one in timed:
            _draw(axes, one)
        axes.set(
            xlabel="size, MB",
            ylabel="time of one inference, ms (one thread; 5 to 95 %)",
            title=f"{run.model} on {run.machine}",
        )
        axes.set_xlim(left=0, right=1.3 * max(one.bytes for one in timed) / 1e6)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(handles=_legend(timed), frameon=False, fontsize=8, loc="best")
        stream = io.BytesIO()
        figure.savefig(
            stream,
            format=path.suffix[1:],
            dpi=DPI,
            metadata={"Date": None} if path.suffix == ".svg" else None,
        )
    write_atomically(path, stream.getvalue())


def _draw(axes: object, one: Benched) -> None:
    timing, size = one.one_thread, one.bytes / 1e6
    assert timing is not None
    colour, note = UNKNOWN, ""
    if one.agreement:
        colour = SOME_FLIPS if one.agreement.flips else NO_FLIPS
        note = f", {one.agreement.flips} of {one.agreement.images} differ"
    spread = [[timing.median_ms - timing.p5_ms], [timing.p95_ms - timing.median_ms]]
    axes.errorbar(  # type: ignore[attr-defined]
        size, timing.median_ms, yerr=spread, fmt=MARKERS[one.target], color=colour, ms=7, capsize=3
    )
    axes.annotate(  # type: ignore[attr-defined]
        f"{one.target} {one.precision}{note}",
        (size, timing.median_ms),
        xytext=(8, 4 if one.target == "tflite" else -10),
        textcoords="offset points",
        fontsize=8,
    )


def _legend(timed: list[Benched]) -> list[object]:
    from matplotlib.lines import Line2D

    targets = dict.fromkeys(one.target for one in timed)
    return [
        Line2D([], [], marker=MARKERS[target], color=UNKNOWN, ls="", label=target)
        for target in targets
    ]
