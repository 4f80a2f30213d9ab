"""Requirements with hashes, from ``pins.json``, which ``refresh_pins.py`` asks PyPI for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("pins.json")
"""SHA-256 by wheel, by ``name==version``: what PyPI said."""


class Pin(NamedTuple):
    """A package at one version, and on which Python (a PEP 508 marker)."""

    name: str
    version: str
    marker: str


# numpy 1.26 for Bookworm: its picamera2 is built against numpy 1. It is tflite-runtime's limit too.
PICTURES = (
    Pin("numpy", "1.26.4", 'python_version < "3.12"'),
    Pin("numpy", "2.5.5", 'python_version >= "3.12"'),
    Pin("pillow", "11.3.0", 'python_version < "3.10"'),
    Pin("pillow", "12.3.0", 'python_version == "3.10"'),
    Pin("pillow", "13.0.0", 'python_version >= "3.11"'),
)
"""What decodes and resizes, on every Python of the devices."""


def requirements(pins: Sequence[Pin], machines: Sequence[str]) -> str:
    """The text of a ``requirements.txt`` for ``pip --require-hashes --no-deps``.

    Args:
        pins: what to install.
        machines: the processors whose wheels may be installed, as wheels name them.
    """
    return "\n".join(_entry(pin, machines) for pin in pins)


def _entry(pin: Pin, machines: Sequence[str]) -> str:
    wheels = _table()[f"{pin.name}=={pin.version}"]
    hashes = sorted(
        sha256
        for wheel, sha256 in wheels.items()
        if any(wheel.endswith(f"{machine}.whl") for machine in machines)
    )
    lines = [f"{pin.name}=={pin.version} ; {pin.marker}", *(f"--hash=sha256:{h}" for h in hashes)]
    return " \\\n    ".join(lines) + "\n"


@cache
def _table() -> dict[str, dict[str, str]]:
    """SHA-256 of each wheel, by package and version."""
    table: dict[str, dict[str, str]] = json.loads(TABLE.read_text("utf-8"))
    return table
