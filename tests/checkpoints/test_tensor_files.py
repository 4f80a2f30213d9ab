"""One file or many parts: each tensor in the part that the index says, and none outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import foreign_models as models
import numpy as np
import pytest
import torch_files
from safetensors.numpy import save_file

from edgeconv.checkpoints import read
from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint

INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


@pytest.fixture
def arrays(folder: Path) -> models.Arrays:
    return models.hugging_face(folder)


@pytest.fixture
def whole(arrays: Any, folder: Path) -> Any:
    return read(folder).tensors


def split(arrays: models.Arrays, folder: Path, suffix: str = ".safetensors") -> Path:
    """Replace the one file by two parts and an index."""
    (folder / "model.safetensors").unlink()
    names = list(arrays)
    parts = {f"part-1{suffix}": names[::2], f"part-2{suffix}": names[1::2]}
    for file, inside in parts.items():
        part = {name: arrays[name] for name in inside}
        if suffix == ".safetensors":
            save_file(part, folder / file)
        else:
            torch_files.save(folder / file, part)
    places = {name: file for file, inside in parts.items() for name in inside}
    index = folder / (INDEX if suffix == ".safetensors" else "pytorch_model.bin.index.json")
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


def assert_same(tensors: Any, wanted: Any) -> None:
    assert tensors.keys() == wanted.keys()
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(tensors[name], tensor)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_parts_are_one(suffix: str, arrays: models.Arrays, whole: Any, folder: Path) -> None:
    split(arrays, folder, suffix)
    assert_same(read(folder).tensors, whole)


def test_pytorch_model_bin(arrays: models.Arrays, whole: Any, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch_files.save(folder / "pytorch_model.bin", arrays)
    assert_same(read(folder).tensors, whole)


def test_safetensors_are_preferred(arrays: Any, whole: Any, folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert_same(read(folder).tensors, whole)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CorruptCheckpoint):
        read(folder)


def test_a_bin_with_a_payload_is_refused(arrays: Any, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    called = torch_files.name("os", "system") + torch_files.together(torch_files.text("true"))
    torch_files.archive(folder / "pytorch_model.bin", torch_files.pickled(called + b"R"), {})
    with pytest.raises(UnsafeCheckpoint, match="nothing of it was run") as caught:
        read(folder)
    assert "os.system" in str(caught.value)


def test_a_tensor_in_another_part_than_listed_is_corrupt(
    arrays: models.Arrays, folder: Path
) -> None:
    index = split(arrays, folder)
    models.edit(index, lambda document: document["weight_map"].update({
        "classifier.bias": "part-1.safetensors", "classifier.weight": "part-2.safetensors"
    }))  # fmt: skip
    with pytest.raises(CorruptCheckpoint, match="does not hold the tensors") as caught:
        read(folder)
    assert "classifier" in caught.value.got[0] and "classifier" in caught.value.expected[0]


@pytest.mark.parametrize(
    "change", [
        lambda places: places.pop("classifier.bias"),
        lambda places: places.update(extra="part-1.safetensors"),
    ],
)  # fmt: skip
def test_an_index_of_other_tensors_is_corrupt(
    change: Any, arrays: models.Arrays, folder: Path
) -> None:
    index = split(arrays, folder)
    models.edit(index, lambda document: change(document["weight_map"]))
    with pytest.raises(CorruptCheckpoint, match="does not hold the tensors"):
        read(folder)


def test_a_part_that_is_missing_is_corrupt(arrays: models.Arrays, folder: Path) -> None:
    split(arrays, folder)
    (folder / "part-2.safetensors").unlink()
    with pytest.raises(CorruptCheckpoint, match="missing") as caught:
        read(folder)
    assert "part-2.safetensors" in str(caught.value)


@pytest.mark.parametrize("path", ["../secret.safetensors", "/etc/passwd", "a/b", "..", "a\\b", ""])
def test_parts_outside_the_folder_are_refused(
    path: str, arrays: models.Arrays, folder: Path
) -> None:
    index = split(arrays, folder)
    (folder / "part-1.safetensors").rename(folder.parent / "secret.safetensors")
    text = index.read_text().replace("part-1.safetensors", json.dumps(path)[1:-1])
    index.write_text(text)
    with pytest.raises(UnsafeCheckpoint, match="outside its folder"):
        read(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 3}}', "[" * 100_000]
)
def test_an_index_that_is_nonsense(text: str, arrays: models.Arrays, folder: Path) -> None:
    split(arrays, folder).write_text(text)
    with pytest.raises(CorruptCheckpoint):
        read(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "preprocessor_config.json"])
def test_a_link_out_of_the_folder_is_refused(file: str, arrays: Any, folder: Path) -> None:
    (folder / file).rename(folder.parent / "elsewhere")
    (folder / file).symlink_to(folder.parent / "elsewhere")
    with pytest.raises(UnsafeCheckpoint, match="link out of its folder") as caught:
        read(folder)
    assert file in str(caught.value)


def test_the_hub_s_cache_of_links_is_read(whole: Any, folder: Path) -> None:
    repository = folder.parent / "models--owner--name"
    snapshot, blobs = repository / "snapshots" / "0123abcd", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate(sorted(folder.iterdir())):
        file.rename(blobs / str(number))
        (snapshot / file.name).symlink_to(Path("../../blobs") / str(number))
    assert_same(read(snapshot).tensors, whole)
    (blobs / "0").rename(folder.parent / "elsewhere")
    (blobs / "0").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(UnsafeCheckpoint, match="link out of its folder"):
        read(snapshot)


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_truncated_file_is_corrupt(share: float, arrays: Any, folder: Path) -> None:
    file = folder / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorruptCheckpoint):
        read(folder)


def test_infinite_weights_are_refused_by_name(arrays: models.Arrays, folder: Path) -> None:
    arrays["classifier.bias"][1] = np.nan
    save_file(arrays, folder / "model.safetensors")
    with pytest.raises(CorruptCheckpoint, match="NaN or infinite") as caught:
        read(folder)
    assert "scores/bias (3,): 1 of 3" in str(caught.value)
