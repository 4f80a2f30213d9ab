"""How a page of a report is made: its templates, its style, and how numbers are written on it."""

from __future__ import annotations

import base64
import math
from pathlib import Path, PurePath

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edgeconv.parity.plots import power_of_ten
from edgeconv.parity.results import Verdict

NARROW_SPACE = "\u202f"
TIMES = "\u202f\u00d7\u202f"


def environment(templates: Path) -> Environment:
    """Templates of a folder, which may include ``report.css`` from here."""
    made = Environment(
        # The names, labels and notes in a report come from strangers.
        autoescape=True,
        loader=FileSystemLoader([templates, Path(__file__).parent]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "word": word,
        "file_name": file_name,
        "size": size,
        "number": number,
        "percent": percent,
        "milliseconds": milliseconds,
        "score": score,
        "width": width,
        "data_uri": data_uri,
    }
    return made


def word(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ")


def file_name(path: str) -> str:
    return PurePath(path).name


def size(count: int) -> str:
    if count < 1_000_000:
        return f"{count / 1e3:.0f}{NARROW_SPACE}kB"
    return f"{count / 1e6:.1f}{NARROW_SPACE}MB"


def number(value: float) -> str:
    if not math.isfinite(value):
        return "not a number"
    if 0 < abs(value) < 1e-3:
        digits, _, exponent = f"{value:.1e}".partition("e")
        return f"{digits}{TIMES}{power_of_ten(int(exponent))}"
    return f"{value:#.2g}" if 0 < abs(value) < 1 else f"{value:.3g}"


def percent(share: float) -> str:
    value = 100 * share
    digits = 0 if value in {0, 100} else 1 if value >= 1 else 2
    return f"{value:.{digits}f}{NARROW_SPACE}%"


def milliseconds(value: float) -> str:
    return f"{value:.{0 if value >= 10 else 1 if value >= 1 else 2}f}{NARROW_SPACE}ms"


def score(value: float | None) -> str:
    if value is None:
        return "no label"
    return f"{value:.3f}" if math.isfinite(value) else "NaN"


def width(score: float | None) -> str:
    """How long a bar is, in percent."""
    drawn = score if score is not None and math.isfinite(score) else 0.0
    return f"{100 * min(max(drawn, 0.0), 1.0):.1f}"


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
