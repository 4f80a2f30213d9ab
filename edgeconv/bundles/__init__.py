"""Folders that run on a device: one writer a kind of device.

A writer is a module with ``SUFFIXES``, which artifacts it takes, and ``write(artifact, folder)``,
which fills an empty folder; where there is something that the user should be told of an artifact on
such a device, ``notes(artifact)`` says it. To add one: a module here, and a line in :data:`KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from edgeconv.artifact import Artifact
from edgeconv.errors import UnknownName

KINDS = {
    "raspberry-pi": "edgeconv.bundles.raspberry_pi",
    "jetson": "edgeconv.bundles.jetson",
    "android": "edgeconv.bundles.android",
    "ios": "edgeconv.bundles.ios",
}


class Writer(Protocol):
    """What every module of :data:`KINDS` offers."""

    SUFFIXES: tuple[str, ...]

    def write(self, artifact: Artifact, folder: Path) -> object:
        """Fill an empty folder."""


def writer(kind: str) -> Writer:
    """The writer of a kind of bundle.

    Raises:
        UnknownName: no bundle is of that kind.
    """
    if kind not in KINDS:
        raise UnknownName("kind of bundle", kind, KINDS)
    return cast(Writer, import_module(KINDS[kind]))


def notes(kind: str, artifact: Artifact) -> Sequence[str]:
    """What the user should know about this artifact on that kind of device."""
    says: Callable[[Artifact], Sequence[str]] | None = getattr(writer(kind), "notes", None)
    return says(artifact) if says else ()
