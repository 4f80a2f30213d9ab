"""The contract inside an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeconv.contract import METADATA_KEY, Contract
from edgeconv.errors import ArtifactError, NoContract


def load_model(path: Path) -> Any:
    """The ``onnx.ModelProto`` of a file; weights that lie outside it stay there.

    Raises:
        ArtifactError: it is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path, load_external_data=False)
    except (DecodeError, OSError) as error:
        raise ArtifactError(f"{path} is not an ONNX file", got=str(error)) from error


def read_contract(path: Path) -> Contract:
    """The contract inside an ONNX file.

    Raises:
        ArtifactError: it is no ONNX file.
        NoContract: it carries none.
    """
    for entry in load_model(path).metadata_props:
        if entry.key == METADATA_KEY:
            return Contract.from_json(entry.value, str(path))
    raise NoContract(
        f"{path} carries no edgeconv contract",
        expected=f"a {METADATA_KEY!r} entry in metadata_props",
        do="export the model with edgeconv",
    )
