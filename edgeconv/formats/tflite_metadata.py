"""Standard TFLite metadata: what MediaPipe, ML Kit and Android Studio read from a model.

Two parts, both inside the one file:

- a flatbuffer of ``metadata_schema.fbs`` (tflite-support, schema 1.1.0) in a metadata buffer named
  ``TFLITE_METADATA``: names, colour space, normalisation, value ranges, which file has the labels;
- the *associated files*, a zip appended to the model, so that the file is both a flatbuffer and a
  zip: ``labels.txt``, and our contract as ``edgeconv.json``.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.contract import Contract
from edgeconv.errors import ArtifactError, ConversionError, FileError, NoContract
from edgeconv.formats.tflite_flatbuffer import is_tflite, pack, rename_tensors, unpack
from edgeconv.formats.tflite_metadata_schema import write_model_metadata

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT

METADATA_NAME = b"TFLITE_METADATA"
LABELS_FILE = "labels.txt"
CONTRACT_FILE = "edgeconv.json"

LARGEST_MEMBER = 16 << 20
"""More than the labels or the contract of any classifier take; a zip bomb takes more."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16
_UNIX = 3

_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression unknown here
    RuntimeError,  # encrypted
    ValueError,
    OverflowError,
)


def attach(model: bytes, *, contract: Contract) -> bytes:
    """The model with its metadata, labels and contract inside, its tensors named as they say.

    Weights and graph are untouched: scores are bit for bit the same. The same model and contract
    give the same bytes; metadata that is already there is replaced.

    Args:
        model: a TFLite file.
        contract: what the file says of itself.

    Raises:
        ArtifactError: ``model`` is no TFLite file, or has several inputs or outputs.
        ConversionError: a label has a line break, and would be two in ``labels.txt``.
    """
    if broken := [label for label in contract.labels if label.splitlines() != [label]]:
        raise ConversionError(
            "TFLite keeps one label a line",
            got=[repr(label) for label in broken],
            expected="labels without line breaks",
        )
    unpacked = unpack(model)
    rename_tensors(unpacked, input_name=contract.input.name, output_name=contract.output.name)
    _put_metadata(
        unpacked,
        write_model_metadata(contract, labels_file=LABELS_FILE, contract_file=CONTRACT_FILE),
    )
    labels = "".join(f"{label}\n" for label in contract.labels)
    return _with_files(pack(unpacked), {LABELS_FILE: labels, CONTRACT_FILE: contract.to_json()})


def read_contract(path: Path) -> Contract:
    """The contract inside a TFLite file.

    Raises:
        ArtifactError: this is no TFLite file, its associated files are broken or absurd, or its
            ``labels.txt`` disagrees with the contract.
        NoContract: it carries none.
        FileError: the file cannot be read.
    """
    contract = Contract.from_json(_read_member(path, CONTRACT_FILE), where=str(path))
    labels = read_labels(path)
    if labels != contract.labels:
        raise ArtifactError(
            f"{path} disagrees with itself about its labels",
            got=f"{LABELS_FILE}: {', '.join(labels)}",
            expected=f"as in the contract: {', '.join(contract.labels)}",
            do="export the model again",
        )
    return contract


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels inside a TFLite file, in order: what MediaPipe answers with.

    Raises:
        ArtifactError: this is no TFLite file, or its associated files are broken or absurd.
        NoContract: it carries no labels.
        FileError: the file cannot be read.
    """
    try:
        return tuple(_read_member(path, LABELS_FILE).decode().splitlines())
    except UnicodeDecodeError as error:
        raise ArtifactError(
            f"{path} carries labels that cannot be read", got=str(error), expected="UTF-8"
        ) from error


def _put_metadata(model: ModelT, metadata: bytes) -> None:
    import numpy as np
    from ai_edge_litert.schema_py_generated import BufferT, MetadataT

    buffer = BufferT(data=np.frombuffer(metadata, np.uint8))
    entries = model.metadata or []
    for entry in entries:
        if entry.name == METADATA_NAME:
            model.buffers[entry.buffer] = buffer
            return
    model.metadata = [*entries, MetadataT(name=METADATA_NAME, buffer=len(model.buffers))]
    model.buffers.append(buffer)


def _with_files(model: bytes, files: dict[str, str]) -> bytes:
    stream = io.BytesIO(model)
    stream.seek(0, io.SEEK_END)
    # Mode "w", and not "a": that would first look for a zip among the weights.
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, date_time=_EPOCH)
            member.external_attr = _READABLE_FILE
            member.create_system = _UNIX
            archive.writestr(member, content)
    return stream.getvalue()


def _read_member(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as stream:
            if not is_tflite(stream.read(8)):
                raise ArtifactError(f"{path} is not a TFLite file")
            if not zipfile.is_zipfile(stream):
                raise _absent(path, name)
            with zipfile.ZipFile(stream) as archive:
                _refuse_absurd(path, archive.infolist())
                if name not in archive.namelist():
                    raise _absent(path, name)
                return archive.read(name)
    except _BROKEN_ZIP as error:
        raise ArtifactError(
            f"{path} carries no {name} that can be read",
            got=str(error),
            expected="a TFLite file exported by edgeconv",
            do="export the model again",
        ) from error
    except OSError as error:
        raise FileError(f"cannot read {path}", got=error.strerror or str(error)) from error


def _absent(path: Path, name: str) -> NoContract:
    return NoContract(
        f"{path} carries no {name}",
        expected="a TFLite file exported by edgeconv",
        do="export the model with edgeconv",
    )


def _refuse_absurd(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    for member in members:
        if "/" in member.filename or "\\" in member.filename or names.count(member.filename) > 1:
            raise ArtifactError(
                f"{path} carries a file that it must not",
                got=repr(member.filename),
                expected="plain file names, each once",
            )
        if member.file_size > LARGEST_MEMBER:
            raise ArtifactError(
                f"{path} carries a file of absurd size",
                got=f"{member.filename}: {member.file_size:,} bytes",
                expected=f"at most {LARGEST_MEMBER:,}",
            )
