"""The README's table of known models, made from ``models/``.

    python -m edgeconv.systems_table README.md

writes it anew between its two markers; ``tests/test_readme.py`` fails where that was forgotten.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from edgeconv.errors import UsageError
from edgeconv.spec import Embedding, Input, ModelSpec, known_models, load_spec

START, END = "<!-- models -->\n", "<!-- /models -->\n"
"""What stands before and behind the table."""

_COLUMNS = ("model", "labels", "takes", "network", "weights", "licence")


def systems_table() -> str:
    """All known models as a Markdown table, sorted by name; unsafe labels are bold."""
    specs = [load_spec(name) for name in known_models()]
    return "".join([_line(_COLUMNS), _line("---" for _ in _COLUMNS), *(_row(s) for s in specs)])


def takes(given: Input | Embedding) -> str:
    """What goes in, in a few words: ``224 x 224, stretch, bilinear``, or ``768 numbers (...)``."""
    if isinstance(given, Embedding):
        return f"{given.length} numbers" + (f" ({given.made_by})" if given.made_by else "")
    (height, width), how = given.size, given.resize
    return f"{height} x {width}, {how.mode.replace('_', ' ')}, {how.filter}"


def network(spec: ModelSpec) -> str:
    """The architecture in a few words: ``vit, 12 x 768``, or ``the file's own`` if unspecified."""
    options = dict(spec.architecture)
    kind = str(options.pop("kind")).replace("_", " ")
    if not options:
        return "the file's own"
    tower = options.get("tower", options)
    return f"{kind}, {tower['depth']} x {tower['width']}" if "depth" in tower else kind


def with_table(text: str) -> str:
    """The text with today's table between the markers.

    Raises:
        UsageError: it does not have each of them once, in order.
    """
    before, start, rest = text.partition(START)
    table, end, behind = rest.partition(END)
    if not end or START in table + behind or END in before + behind:
        raise UsageError(
            "there is no one place for the table",
            expected=f"one line {START.strip()}, and one line {END.strip()} below it",
        )
    return before + start + systems_table() + end + behind


def _row(spec: ModelSpec) -> str:
    labels = ", ".join(f"**{label}**" if label in spec.unsafe else label for label in spec.labels)
    return _line(
        [
            f"[`{spec.name}`](models/{spec.name}.md)",
            labels,
            takes(spec.input),
            network(spec),
            _weights(spec),
            spec.checkpoint.licence or "yours",
        ]
    )


def _weights(spec: ModelSpec) -> str:
    if spec.checkpoint.embedded:
        return "embedded"
    formats = ", ".join(spec.checkpoint.formats)
    return f"`edgeconv pull`; {formats}" if spec.checkpoint.published else formats


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
