"""safetensors: what the library lets pass is refused, and what we write is always the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgeconv.checkpoints import read, safetensors
from edgeconv.errors import CorruptCheckpoint


@pytest.fixture
def flat() -> Any:
    import tf_keras

    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(3, name="scores"),
        ]
    )
    # A variance that float16 would make infinite.
    model.get_layer("norm").moving_variance.assign([1e6, 1.0, 1e-9, 1.0])
    return model


def with_header(path: Path, header: str, data: bytes = b"") -> Path:
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + data)
    return path


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_was_written_is_read_back(dtype: Any, flat: Any, tmp_path: Path) -> None:
    safetensors.write(flat, tmp_path / "a.safetensors", dtype)
    tensors = read(tmp_path / "a.safetensors").tensors
    assert sorted(tensors) == sorted(weight.name.removesuffix(":0") for weight in flat.weights)
    for weight in flat.weights:
        name = weight.name.removesuffix(":0")
        kept = "float32" if name.startswith("norm/") else dtype
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(tensors[name], weight.numpy().astype(kept))


def test_the_same_weights_give_the_same_bytes(flat: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        safetensors.write(flat, tmp_path / f"{name}.safetensors", "float16")
    first, second = (tmp_path / f"{name}.safetensors" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert b"__metadata__" not in first.read_bytes()


@pytest.mark.parametrize("length", [0, 4, 8, 100, 500])
def test_a_truncated_file_is_corrupt(length: int, flat: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    safetensors.write(flat, path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CorruptCheckpoint):
        read(path)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    entry = '"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
    with pytest.raises(CorruptCheckpoint) as caught:
        read(with_header(tmp_path / "a.safetensors", f"{{{entry}, {entry}}}", b"\0" * 4))
    assert "'a' stands twice" in str(caught.value)


@pytest.mark.parametrize("dtype", ["F64", "U32", "C64", "F8_E4M3", None])
def test_other_types_are_refused_by_name(dtype: Any, tmp_path: Path) -> None:
    header = json.dumps({"a/kernel": {"dtype": dtype, "shape": [0], "data_offsets": [0, 0]}})
    with pytest.raises(CorruptCheckpoint, match="cannot be read") as caught:
        read(with_header(tmp_path / "a.safetensors", header))
    assert f"a/kernel of {dtype}" in str(caught.value)


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a/kernel": np.ones(2, np.float32), "ids": np.arange(3)}, path)
    np.testing.assert_array_equal(safetensors.read_tensors(path)["ids"], [0, 1, 2])
    with pytest.raises(CorruptCheckpoint, match="no weight") as caught:
        read(path)
    assert "ids of int64" in str(caught.value)


def test_bfloat16_is_widened_exactly(tmp_path: Path) -> None:
    bits = np.uint16([0x3F80, 0xBE20, 0x7F7F, 0x0001, 0x8000, 0x4049])
    entry = {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}
    path = with_header(tmp_path / "a.safetensors", json.dumps({"a": entry}), bits.tobytes())
    widened = read(path).tensors["a"]
    wanted = (bits.astype(np.uint32) << 16).view(np.float32).reshape(2, 3)
    assert widened.dtype == np.float32 and wanted[0, 0] == 1 and wanted[0, 1] == -0.15625
    np.testing.assert_array_equal(widened.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize(
    "offsets, data", [([0, 400], 4), ([0, 4], 40), ([4, 8], 8), ([8, 4], 8), ([-4, 0], 8)]
)
def test_offsets_that_lie_are_corrupt(offsets: list[int], data: int, tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": offsets}})
    with pytest.raises(CorruptCheckpoint):
        read(with_header(tmp_path / "a.safetensors", header, b"\0" * data))


def test_infinity_is_refused_by_name(tmp_path: Path) -> None:
    weights = {"fine": np.ones(2, np.float32), "a/kernel": np.float16([1, np.inf])}
    save_file(weights, tmp_path / "a.safetensors")
    with pytest.raises(CorruptCheckpoint, match="NaN or infinite") as caught:
        read(tmp_path / "a.safetensors")
    assert "a/kernel (2,): 1 of 2" in str(caught.value)
