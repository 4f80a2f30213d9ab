"""Files as ``torch.save`` writes them, put together by hand: one function an instruction."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES = {"f8": "Double", "f4": "Float", "f2": "Half", "i8": "Long", "i4": "Int", "b1": "Bool"}


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def number(value: int) -> bytes:
    data = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def together(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def numbers(values: Any) -> bytes:
    return together(*map(number, values))


def table(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def ordered(items: Mapping[str, bytes]) -> bytes:
    """An ``OrderedDict`` with an attribute, as ``state_dict()`` gives one."""
    made = name("collections", "OrderedDict") + b")R"
    filled = b"(" + b"".join(text(key) + value for key, value in items.items()) + b"u"
    return made + filled + table({"_metadata": table({})}) + b"b"


def storage(kind: str, key: str, count: int) -> bytes:
    return together(
        text("storage"), name("torch", f"{kind}Storage"), text(key), text("cpu"), number(count)
    ) + b"Q"  # fmt: skip


def tensor(
    stored: bytes, shape: Any, strides: Any, offset: int = 0, metadata: bytes = b""
) -> bytes:
    hooks = name("collections", "OrderedDict") + b")R"
    arguments = (stored, number(offset), numbers(shape), numbers(strides), b"\x89", hooks, metadata)
    return name("torch._utils", "_rebuild_tensor_v2") + together(*arguments) + b"R"


def pickled(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


def archive(path: Path, pickle: bytes, members: Mapping[str, bytes], root: str = "model") -> Path:
    """The zip: ``root/data.pkl`` and the members, all stored."""
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(f"{root}/data.pkl", pickle)
        for member, data in members.items():
            opened.writestr(f"{root}/{member}", data)
    return path


def of_arrays(arrays: Mapping[str, NDArray[Any]]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Tensors by name, each in a storage of its own, and those storages."""
    tensors, members = {}, {}
    for key, (label, array) in enumerate(arrays.items()):
        strides = [
            stride // array.itemsize for stride in np.empty(array.shape, array.dtype).strides
        ]
        kind = CLASSES[array.dtype.str[1:]]
        tensors[label] = tensor(storage(kind, str(key), array.size), array.shape, strides)
        members[f"data/{key}"] = array.tobytes()
    return tensors, members


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """A state dict, as ``torch.save(model.state_dict(), path)``."""
    tensors, members = of_arrays(arrays)
    return archive(path, pickled(ordered(tensors)), {"byteorder": b"little", **members})
