"""Opening a Core ML file: ``.mlmodel``, or ``.mlpackage`` with its manifest and weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from edgeconv.errors import ArtifactError
from edgeconv.formats.coreml_messages import message_module
from edgeconv.runtimes.coreml_reference.weight_file import WeightFile

_MODEL_PATH = "@model_path/"


@dataclass(frozen=True)
class ModelFile:
    """A Core ML file, parsed but not interpreted.

    Attributes:
        path: what the user named: the ``.mlmodel`` file or the ``.mlpackage`` folder.
        specification: the ``Model`` message of ``Model.proto``.
        folder: where ``@model_path`` points, for weights beside the specification.
    """

    path: Path
    specification: Any
    folder: Path

    def weights(self, name: str) -> WeightFile:
        """The weight file that operations name as ``@model_path/weights/weight.bin``.

        Raises:
            ArtifactError: the name leaves the package, or the file is broken.
        """
        if not name.startswith(_MODEL_PATH):
            raise ArtifactError(
                f"{self.path} keeps weights outside itself",
                got=name,
                expected=f"a path that starts with {_MODEL_PATH}",
            )
        relative = name.removeprefix(_MODEL_PATH)
        if relative not in self._weight_files:
            self._weight_files[relative] = WeightFile(_inside(self.path, self.folder, relative))
        return self._weight_files[relative]

    @cached_property
    def _weight_files(self) -> dict[str, WeightFile]:
        return {}


def open_model_file(path: Path) -> ModelFile:
    """Open a ``.mlmodel`` file or a ``.mlpackage`` folder.

    Raises:
        ArtifactError: the manifest or the specification is missing or malformed, or the manifest
            points outside the package.
    """
    specification_path = _root_model(path) if path.is_dir() else path
    try:
        data = specification_path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"cannot read {specification_path}", got=str(error)) from error
    specification = message_module("Model_pb2").Model()
    try:
        specification.ParseFromString(data)
    # protobuf's C and Python back ends raise different classes for malformed bytes
    except Exception as error:
        raise ArtifactError(
            f"{specification_path} is not a Core ML specification",
            got=f"{len(data)} bytes that do not parse: {error}",
            expected="the Model message of Model.proto",
        ) from error
    if not data or not specification.HasField("description"):
        raise ArtifactError(
            f"{specification_path} is not a Core ML specification",
            got=f"{len(data)} bytes without a model description",
            expected="the Model message of Model.proto",
        )
    return ModelFile(path, specification, specification_path.parent)


def _root_model(package: Path) -> Path:
    manifest = package / "Manifest.json"
    try:
        table = json.loads(manifest.read_text(encoding="utf-8"))
        item = table["itemInfoEntries"][table["rootModelIdentifier"]]["path"]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ArtifactError(f"cannot read {manifest}", got=str(error)) from error
    except (KeyError, TypeError) as error:
        raise ArtifactError(
            f"{manifest} names no root model",
            expected="rootModelIdentifier and, under itemInfoEntries, its path",
        ) from error
    if not isinstance(item, str):
        raise ArtifactError(f"{manifest} names no root model", got=repr(item), expected="a path")
    return _inside(package, package / "Data", item)


def _inside(package: Path, folder: Path, relative: str) -> Path:
    """``folder/relative``, refused where it leaves the package, through links too."""
    place = folder / relative
    plain = PurePosixPath(relative)
    if plain.is_absolute() or not place.resolve().is_relative_to(package.resolve()):
        raise ArtifactError(
            f"{package} reaches outside itself",
            got=relative,
            expected=f"a path inside {package}",
            do="do not use this file: an exporter never writes such a path",
        )
    return place
