"""The pages of a bundle that differ by model: README and settings, filled in by Jinja2."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.artifact import Artifact
from edgeconv.bundles.contents import tolerance

if TYPE_CHECKING:
    from jinja2 import Environment

_PAGES = Path(__file__).with_name("pages")


def fill(page: str, place: Path, artifact: Artifact, **more: Any) -> None:
    """Write a page of ``pages/``, filled in with the artifact's contract, to a place."""
    text = (
        _environment()
        .get_template(page)
        .render(
            name=artifact.path.name,
            contract=artifact.contract,
            tolerance=tolerance(artifact.contract),
            **more,
        )
    )
    place.write_text(text, "utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_PAGES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # none of them is for a browser
    )
    environment.filters["quoted"] = shlex.quote
    environment.filters["kotlin"] = lambda text: json.dumps(text).replace("$", "\\$")
    return environment
