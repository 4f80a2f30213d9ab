"""ONNX files on disk, written and read without their weights in memory.

An ONNX file is one protobuf message. Weights lie in ``graph.initializer[*].raw_data``; all the rest
of even the largest transformer is a megabyte. So the rest is a ``ModelProto`` as usual, whose large
initializers are *hollow* (name, type and shape, no data), and weights go from their source straight
into the file. Its bytes are those that protobuf itself would write.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactError, ConversionError
from edgeconv.formats.protobuf_wire import Field, fields, header
from edgeconv.freezing import Weight

LARGEST_FILE = 2**31 - 1
"""Bytes: no protobuf library reads a longer message."""

GRAPH = 7
"""``ModelProto.graph``"""

_INITIALIZER = 5
"""``GraphProto.initializer``"""

_RAW_DATA = 9
"""``TensorProto.raw_data``; a hollow initializer has no field behind it."""


def write_model(path: Path, model: Any, weights: Mapping[str, Weight]) -> None:
    """Write a model; the same model and weights give the same bytes.

    Args:
        path: the file.
        model: an ``onnx.ModelProto``.
        weights: the values of its hollow initializers by name, shaped and typed as those say.

    Raises:
        ConversionError: the file would be larger than any runtime reads.
    """
    parts = list(_parts(model, weights))
    size = sum(part_size for _, part_size in parts)
    if size > LARGEST_FILE:
        raise ConversionError(
            "an ONNX file holds at most 2 GB",
            got=f"{size / 1e9:.2f} GB",
            do="export a smaller precision: --precision fp16 or dynamic",
        )
    with path.open("wb") as stream:
        for part, _ in parts:
            stream.write(part if isinstance(part, bytes) else _little_endian(part()).data)


def read_structure(path: Path) -> Any:
    """The ``onnx.ModelProto`` of a file, its initializers hollow.

    Raises:
        ArtifactError: it is no ONNX file.
    """
    import onnx

    with opened(path) as buffer:
        content = b"".join(
            _hollowed(buffer, field) if field.number == GRAPH else field.of(buffer)
            for field in fields(buffer, 0, len(buffer))
        )
        return onnx.ModelProto.FromString(content)


@contextmanager
def opened(path: Path) -> Iterator[memoryview]:
    """A file's bytes, of which only what is looked at is read; errors in them are typed."""
    from google.protobuf.message import DecodeError

    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as buffer,
        ):
            yield buffer
    except (DecodeError, ValueError, OSError) as error:
        raise ArtifactError(f"{path} is not an ONNX file", got=str(error)) from error


def _parts(model: Any, weights: Mapping[str, Weight]) -> Iterator[tuple[bytes | Weight, int]]:
    """What the file is made of, in order: bytes, or a weight to be made; with their sizes."""
    content = bytes(model.SerializeToString(deterministic=True))
    for field in fields(content, 0, len(content)):
        if field.number != GRAPH:
            yield field.of(content), field.end - field.start
            continue
        graph = list(_graph_parts(content, field, model.graph, weights))
        yield _sized(header(GRAPH, sum(size for _, size in graph)))
        yield from graph


def _graph_parts(
    content: bytes, graph: Field, message: Any, weights: Mapping[str, Weight]
) -> Iterator[tuple[bytes | Weight, int]]:
    tensors = iter(message.initializer)
    for field in fields(content, graph.payload, graph.end):
        tensor = next(tensors) if field.number == _INITIALIZER else None
        if tensor is None or tensor.name not in weights:
            yield field.of(content), field.end - field.start
            continue
        data_size = _data_size(tensor)
        head = content[field.payload : field.end] + header(_RAW_DATA, data_size)
        yield _sized(header(_INITIALIZER, len(head) + data_size) + head)
        yield weights[tensor.name], data_size


def _sized(content: bytes) -> tuple[bytes, int]:
    return content, len(content)


def _data_size(tensor: Any) -> int:
    """Bytes of an initializer's values."""
    import onnx

    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    return int(prod(tensor.dims) * dtype.itemsize)


def _little_endian(values: NDArray[Any]) -> NDArray[np.uint8]:
    ordered = values.astype(values.dtype.newbyteorder("<"), order="C", copy=False)
    return ordered.reshape(-1).view(np.uint8)


def _hollowed(buffer: memoryview, graph: Field) -> bytes:
    """A graph field without the data of its initializers."""
    parts = []
    for field in fields(buffer, graph.payload, graph.end):
        if field.number == _INITIALIZER:
            tensor = b"".join(
                part.of(buffer)
                for part in fields(buffer, field.payload, field.end)
                if part.number != _RAW_DATA
            )
            parts.append(header(_INITIALIZER, len(tensor)) + tensor)
        else:
            parts.append(field.of(buffer))
    content = b"".join(parts)
    return header(GRAPH, len(content)) + content
