"""Where what was found is kept: inside an exported file, or in a TOML page of the model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from edgeconv.artifact import Artifact, open_artifact
from edgeconv.contract import Contract
from edgeconv.files import locked, move_into_place, sha256_of, size_of, staging, write_atomically
from edgeconv.manifest import MANIFEST, read_manifest
from edgeconv.own_models import spec_as_toml
from edgeconv.spec import ModelSpec, OperatingPoint
from edgeconv.targets import converter


def save_points(artifact: Artifact, points: Sequence[OperatingPoint]) -> Contract:
    """Put operating points into a file, its JSON beside it and its folder's manifest.

    Points of other names that the file has stay, behind the new ones.

    Returns:
        The contract as it is now.

    Raises:
        FileError: the folder cannot be written; the file is what it was.
    """
    path = artifact.path
    with locked(path.parent), staging(path.parent) as stage:
        contract = open_artifact(path).contract
        named = {point.name for point in points}
        kept = [point for point in contract.operating_points if point.name not in named]
        contract = contract.model_copy(update={"operating_points": (*points, *kept)})
        copy = stage / path.name
        if path.is_dir():
            shutil.copytree(path, copy)
        else:
            shutil.copyfile(path, copy)
        converter(artifact.target).embed(copy, contract)
        move_into_place(copy, path)
        write_atomically(path.with_name(path.name + ".json"), contract.to_json() + "\n")
        _update_manifest(path)
    return contract


def _update_manifest(path: Path) -> None:
    manifest = read_manifest(path.parent)
    if manifest is None:
        return
    entries = tuple(
        entry.model_copy(update={"bytes": size_of(path), "sha256": sha256_of(path)})
        if entry.path == path.name
        else entry
        for entry in manifest.artifacts
    )
    updated = manifest.model_copy(update={"artifacts": entries})
    write_atomically(path.parent / MANIFEST, updated.model_dump_json(indent=1))


def save_spec(
    spec: ModelSpec, temperature: float | None, points: Sequence[OperatingPoint], path: Path
) -> None:
    """Write the model's page with a temperature and operating points, for every later export.

    Without points those that the page had are left out where there is a new temperature: they
    were chosen on other scores.

    Raises:
        FileError: the page cannot be written.
    """
    changes: dict[str, object] = {}
    if temperature is not None:
        changes["output"] = spec.output.model_copy(update={"temperature": temperature})
    if points or temperature is not None:
        changes["operating_points"] = tuple(points)
    write_atomically(path, spec_as_toml(spec.model_copy(update=changes)))
