"""Core ML files on disk: reading and writing their ``Model`` message, the same bytes each time."""

from __future__ import annotations

import json
import logging
import uuid
from pathlib import Path
from typing import Any

from edgeconv.contract import METADATA_KEY, Contract
from edgeconv.errors import ArtifactError, NoContract
from edgeconv.formats.coreml_messages import message_module

logging.getLogger("coremltools").setLevel(logging.ERROR)  # it misses its macOS half, aloud

PACKAGED_MODEL = "Data/com.apple.CoreML/model.mlmodel"


def load_proto(path: Path) -> Any:
    """The ``Model`` message of a ``.mlmodel`` or ``.mlpackage``, as it stands in the file.

    Raises:
        ArtifactError: it is no Core ML file.
    """
    from google.protobuf.message import DecodeError

    proto = message_module("Model_pb2").Model()
    try:
        proto.ParseFromString(_proto_file(path).read_bytes())
    except (DecodeError, OSError) as error:
        raise ArtifactError(f"{path} is not a Core ML file", got=str(error)) from error
    return proto


def read_contract(path: Path) -> Contract:
    """The contract inside a Core ML file.

    Raises:
        ArtifactError: it is no Core ML file.
        NoContract: it carries none.
    """
    metadata = load_proto(path).description.metadata.userDefined
    if METADATA_KEY not in metadata:
        raise NoContract(
            f"{path} carries no edgeconv contract",
            expected=f"{METADATA_KEY!r} in the user-defined metadata",
            do="export the model with edgeconv",
        )
    return Contract.from_json(metadata[METADATA_KEY], str(path))


def save_proto(proto: Any, path: Path) -> None:
    """Replace the ``Model`` message of a file that :func:`save_new` wrote."""
    _proto_file(path).write_bytes(proto.SerializeToString(deterministic=True))


def save_new(proto: Any, weights: str | None, path: Path) -> None:
    """Write a Core ML file. ``weights`` is the folder of an ML program's ``weight.bin``."""
    import coremltools as ct

    ct.models.utils.save_spec(proto, str(path), weights_dir=weights)
    if path.is_dir():
        _settle_identifiers(path / "Manifest.json")


def _proto_file(path: Path) -> Path:
    return path / PACKAGED_MODEL if path.suffix == ".mlpackage" else path


def _settle_identifiers(manifest: Path) -> None:
    """Replace the random ids of a package by ids that follow from what they name."""
    content = json.loads(manifest.read_text())
    entries = content["itemInfoEntries"]
    settled = {
        old: str(uuid.uuid5(uuid.NAMESPACE_URL, f"edgeconv:{entry['path']}")).upper()
        for old, entry in entries.items()
    }
    content["itemInfoEntries"] = {settled[old]: entry for old, entry in entries.items()}
    content["rootModelIdentifier"] = settled[content["rootModelIdentifier"]]
    manifest.write_text(json.dumps(content, indent=4, sort_keys=True) + "\n")
