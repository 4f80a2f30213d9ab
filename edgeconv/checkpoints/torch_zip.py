"""What ``torch.save`` writes since torch 1.6, read without torch: a zip of a pickle and storages.

The pickle may name what a state dict is made of and nothing else (:mod:`.pickle_data`). A tensor is
a view of a storage, and is checked to lie inside it.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints import bfloat16, pickle_data, zip_archive
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

SUFFIXES = frozenset({".pth", ".pt", ".bin", ".ckpt"})

# The number 0x1950a86a20f9469cfc6c as a pickle of protocol 2: how files of torch < 1.6 begin.
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLE = "data.pkl"
_STATE_DICTS = ("state_dict", "model")
_LARGEST_PICKLE = 64 << 20
_LARGEST_STORAGE = 16 << 30
_MOST_COPIES = 4
_MOST_SIDES = 16


@dataclass(frozen=True)
class _Kind:
    """What a class of storage holds: a numpy type code."""

    code: str
    bfloat16: bool = False


@dataclass(frozen=True)
class _Storage:
    """A run of ``count`` numbers: the member ``data/key`` of the archive."""

    kind: _Kind
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count its numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def recognises(path: Path) -> bool:
    """Whether this is a zip archive with a ``data.pkl``, or is called as torch's files are."""
    if not path.is_file():
        return False
    return path.suffix in SUFFIXES or any(
        name.endswith(f"/{_PICKLE}") for name in zip_archive.names(path)
    )


def read(path: Path) -> Checkpoint:
    """Read the tensors under their own names, as :func:`read_tensors`."""
    return Checkpoint(path, "torch", read_tensors(path))


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a state dict, which may lie under ``state_dict`` or ``model``.

    Returns:
        By name, in the file's order; bfloat16 as float32. Whatever else the file holds (epochs,
        the optimiser's state) is left out.

    Raises:
        UnsafeCheckpoint: its pickle names anything but parts of a state dict, it is TorchScript or
            of torch before 1.6, or a name leads out of the archive.
        CorruptCheckpoint: it is damaged, or a tensor does not lie inside its storage.
        CheckpointError: there is no state dict in it, or more than one.
    """
    where = path.name
    _refuse_legacy(path, where)
    with zip_archive.opened(path, where) as archive:
        root = _root(archive, where)
        pickled = zip_archive.content(archive, f"{root}/{_PICKLE}", where, _LARGEST_PICKLE)
        value = pickle_data.load(pickled, _KNOWN, _storage, where)
        state = _state_dict(value, where)
        try:
            return _Storages(archive, root, where).arrays(state)
        except (ValueError, TypeError) as error:
            raise CorruptCheckpoint(
                f"{where} is no sound torch checkpoint", got=str(error)
            ) from error


def _refuse_legacy(path: Path, where: str) -> None:
    with path.open("rb") as stream:
        if stream.read(len(_LEGACY)) == _LEGACY:
            raise UnsafeCheckpoint(
                f"{where} was refused; nothing of it was run",
                got="a row of pickles, as torch wrote before 1.6",
                expected="a zip archive, as torch.save writes since",
                do="load it where you trust it, and save its state_dict as .safetensors",
            )


def _root(archive: zipfile.ZipFile, where: str) -> str:
    """The one folder that everything lies in."""
    names = archive.namelist()
    roots = {name.partition("/")[0] for name in names}
    if len(roots) != 1 or not all("/" in name for name in names):
        raise CorruptCheckpoint(
            f"{where} is no torch checkpoint",
            got=", ".join(names[:10]) or "an empty archive",
            expected=f"one folder with {_PICKLE} and data/",
        )
    root = roots.pop()
    if any(name.startswith(f"{root}/code/") or name == f"{root}/constants.pkl" for name in names):
        raise UnsafeCheckpoint(
            f"{where} was refused; nothing of it was run",
            got="a TorchScript program",
            expected="a state dict",
            do="load it where you trust it, and save its state_dict as .safetensors",
        )
    return root


def _state_dict(value: Any, where: str) -> dict[str, _Tensor]:
    """The tensors by name; those one level down where the file says that they are the model."""
    table = value if isinstance(value, dict) else {}
    found = {key: tensors for key in _STATE_DICTS if (tensors := _tensors(table.get(key)))}
    if len(found) > 1:
        raise CheckpointError(
            f"{where} holds more than one state dict",
            got=", ".join(found),
            do="save the one that is meant as .safetensors",
        )
    tensors = next(iter(found.values()), {}) or _tensors(table)
    if not tensors:
        raise CheckpointError(
            f"{where} holds no state dict",
            got=", ".join(map(str, list(table)[:10])) or type(value).__name__,
            expected="tensors by name, at the top or under " + " or ".join(_STATE_DICTS),
        )
    return tensors


def _tensors(value: Any) -> dict[str, _Tensor]:
    items = value.items() if isinstance(value, dict) else ()
    return {key: item for key, item in items if isinstance(item, _Tensor) and type(key) is str}


def _ordered_dict() -> dict[Any, Any]:
    return {}


def _size(sides: tuple[Any, ...]) -> tuple[Any, ...]:
    return sides


def _parameter(tensor: Any, _requires_grad: Any, _hooks: Any) -> Any:
    return tensor


def _storage(persistent_id: Any) -> _Storage:
    """Stand-in for torch's ``persistent_load``."""
    what, kind, key, _location, count = persistent_id
    if what != "storage" or type(kind) is not _Kind or type(key) is not str or not _is_count(count):
        raise ValueError("a reference that is no storage")
    return _Storage(kind, key, count)


def _tensor(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    _requires_grad: Any,
    _hooks: Any,
    metadata: Any = None,
) -> _Tensor:
    """Stand-in for ``torch._utils._rebuild_tensor_v2``."""
    if type(storage) is not _Storage or type(shape) is not tuple or type(strides) is not tuple:
        raise TypeError("a tensor that is not made of a storage, a shape and strides")
    if len(shape) != len(strides) or len(shape) > _MOST_SIDES:
        raise ValueError(f"a tensor of {len(shape)} sides and {len(strides)} strides")
    if not all(map(_is_count, (offset, *shape, *strides))):
        raise ValueError(f"a tensor of shape {shape} with strides {strides} at {offset}")
    if metadata:
        raise ValueError("a tensor that is still to be negated or conjugated")
    values = math.prod(shape)
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if values and (last >= storage.count or values > storage.count):
        raise ValueError(
            f"a tensor of shape {shape} with strides {strides} at {offset} does not fit into "
            f"its storage {storage.key} of {storage.count:,} values"
        )
    return _Tensor(storage, offset, shape, strides)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


_KNOWN: Mapping[str, Any] = {
    "collections OrderedDict": _ordered_dict,
    "torch Size": _size,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
    "torch DoubleStorage": _Kind("f8"),
    "torch FloatStorage": _Kind("f4"),
    "torch HalfStorage": _Kind("f2"),
    "torch BFloat16Storage": _Kind("u2", bfloat16=True),
    "torch LongStorage": _Kind("i8"),
    "torch IntStorage": _Kind("i4"),
    "torch ShortStorage": _Kind("i2"),
    "torch CharStorage": _Kind("i1"),
    "torch ByteStorage": _Kind("u1"),
    "torch BoolStorage": _Kind("?"),
}


class _Storages:
    """The storages of one archive, each read once."""

    def __init__(self, archive: zipfile.ZipFile, root: str, where: str) -> None:
        self._archive, self._root, self._where = archive, root, where
        self._order = self._byte_order()
        self._read: dict[_Storage, NDArray[Any]] = {}

    def arrays(self, tensors: Mapping[str, _Tensor]) -> dict[str, NDArray[Any]]:
        """The tensors as views of their storages.

        Raises:
            ValueError: many tensors share storages, and would be far larger than the file.
        """
        arrays = {name: self._array(tensor) for name, tensor in tensors.items()}
        claimed = sum(array.nbytes for array in arrays.values())
        if claimed > _MOST_COPIES * sum(data.nbytes for data in self._read.values()):
            raise ValueError(f"its tensors claim {claimed:,} bytes")
        return arrays

    def _array(self, tensor: _Tensor) -> NDArray[Any]:
        data = self._values(tensor.storage)
        strides = [stride * data.itemsize for stride in tensor.strides]
        array: NDArray[Any] = np.ndarray(
            tensor.shape, data.dtype, data, tensor.offset * data.itemsize, strides
        )
        return array

    def _values(self, storage: _Storage) -> NDArray[Any]:
        if storage not in self._read:
            dtype = np.dtype(storage.kind.code).newbyteorder(self._order)
            name = f"{self._root}/data/{storage.key}"
            data = zip_archive.content(self._archive, name, self._where, _LARGEST_STORAGE)
            if len(data) != storage.count * dtype.itemsize:
                raise ValueError(
                    f"storage {storage.key} claims {storage.count:,} values of {dtype} and has "
                    f"{len(data):,} bytes"
                )
            values = np.frombuffer(data, dtype)
            self._read[storage] = bfloat16.widened(values) if storage.kind.bfloat16 else values
        return self._read[storage]

    def _byte_order(self) -> Any:
        name = f"{self._root}/byteorder"
        if name not in self._archive.namelist():
            return "<"
        orders = {b"little": "<", b"big": ">"}
        found = zip_archive.content(self._archive, name, self._where, len(b"little"))
        if found not in orders:
            raise ValueError(f"its byte order is {found!r}")
        return orders[found]
