"""A folder that judges pictures and a camera on a Raspberry Pi: 64-bit, and 32-bit Pi OS."""

from __future__ import annotations

from pathlib import Path

from edgeconv.artifact import Artifact
from edgeconv.bundles.contents import copy_files, write_contents, write_mark
from edgeconv.bundles.pages import fill
from edgeconv.bundles.pinned import PICTURES, Pin, requirements

SUFFIXES = (".tflite",)
COMPATIBLE = "tflite-2.14"

_SIXTY_FOUR = (*PICTURES, Pin("ai-edge-litert", "2.3.0", 'python_version >= "3.10"'))
_SIXTY_FOUR_COMPATIBLE = (Pin("tflite-runtime", "2.14.0", 'python_version < "3.10"'),)
_THIRTY_TWO = (Pin("tflite-runtime", "2.14.0", 'python_version < "3.12"'),)


def write(artifact: Artifact, folder: Path) -> None:
    """Fill an empty folder with the bundle.

    A file exported with ``--compat tflite-2.14`` also runs by tflite-runtime: on 32-bit Pi OS, and
    with Python 3.9.

    Raises:
        UsageError, ArtifactError: as :func:`~edgeconv.bundles.contents.write_contents`.
    """
    compatible = artifact.contract.compat == COMPATIBLE
    recorded = write_contents(artifact, folder)
    copy_files(folder, "python", "raspberry_pi")
    pins = (*_SIXTY_FOUR, *(_SIXTY_FOUR_COMPATIBLE if compatible else ()))
    machines = ("aarch64", "x86_64")
    (folder / "requirements.txt").write_text(requirements(pins, machines), "utf-8")
    if compatible:
        thirty_two = requirements(_THIRTY_TWO, ("armv7l",))
        (folder / "requirements-32-bit.txt").write_text(thirty_two, "utf-8")
    fill("raspberry_pi.md", folder / "README.md", artifact, compatible=compatible)
    write_mark("raspberry-pi", artifact, folder, recorded)


def notes(artifact: Artifact) -> list[str]:
    """What is slow about this file on a Pi, and where it does not run."""
    told = []
    precision = artifact.contract.precision.asked
    if precision != "int8":
        told.append(
            f"{artifact.path.name} is {precision}: "
            "int8 takes about a third of the time of fp32 on a Pi 4"
        )
    if artifact.contract.compat != COMPATIBLE:
        told.append(
            "it does not run on 32-bit Pi OS or Python 3.9; "
            f"for those, export it with --compat {COMPATIBLE} and bundle that"
        )
    return told
