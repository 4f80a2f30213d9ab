"""The list of models, on wide terminals and on narrow ones."""

from __future__ import annotations

import pytest
from rich.console import Console

from edgeconv.cli import models as verb
from edgeconv.spec import known_models, load_spec


@pytest.mark.parametrize("width", [50, 80, 200])
def test_nothing_is_cut_off(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=width, record=True, quiet=False, force_terminal=False)
    monkeypatch.setattr(verb, "stdout", lambda: console)
    verb.models(as_json=False)
    lines = console.export_text().splitlines()
    words = set(" ".join(lines).replace(",", " ").replace("(", " ").replace(")", " ").split())
    assert max(map(len, lines)) <= width
    for name in known_models():
        spec = load_spec(name)
        wanted = [name, *" ".join(spec.labels).split(), *spec.checkpoint.formats]
        assert set(wanted) <= words
