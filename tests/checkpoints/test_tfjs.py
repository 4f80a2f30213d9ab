"""TensorFlow.js layers models: any topology of plain layers, and nothing but plain files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.checkpoints import fitting, read, tfjs, topology
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint


@pytest.fixture
def folder(tiny: Any, write_tfjs: Any, tmp_path: Path) -> Path:
    return write_tfjs(tiny, tmp_path / "tiny")


def rebuilt(checkpoint: Any, size: tuple[int, int]) -> Any:
    model = topology.build(checkpoint.topology, size, "again", checkpoint.values, "here")
    fitting.fill(model, checkpoint.tensors, "here", "again")
    return model


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "model.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def test_the_real_nsfwjs_model_has_all_its_parameters(shared: Path) -> None:
    checkpoint = read(shared / "checkpoints/nsfwjs_mobilenet_v2")
    assert checkpoint.values == 2_619_461
    assert checkpoint.topology is not None
    assert checkpoint.topology.input_shape == (224, 224, 3)


def test_the_folder_and_its_model_json_are_the_same_checkpoint(folder: Path) -> None:
    assert read(folder / "model.json").path == read(folder).path == folder


@pytest.mark.parametrize("width", [0.35, 0.5])
def test_mobilenet_of_any_width(
    width: float, randomise: Any, write_tfjs: Any, tmp_path: Path
) -> None:
    import tf_keras

    model = tf_keras.applications.MobileNetV2((32, 32, 3), alpha=width, weights=None, classes=5)
    assert_same_answers(randomise(model), write_tfjs(model, tmp_path), (32, 32))


@pytest.mark.slow
def test_inception_v3(randomise: Any, write_tfjs: Any, tmp_path: Path) -> None:
    import tf_keras

    model = tf_keras.applications.InceptionV3(input_shape=(75, 75, 3), weights=None, classes=4)
    for weight in randomise(model).weights:
        if "variance" in weight.name:
            # Without gamma, pictures would fade to one and the same over so many layers.
            weight.assign(weight / 1.6)
    assert_same_answers(model, write_tfjs(model, tmp_path), (75, 75))


def assert_same_answers(model: Any, folder: Path, size: tuple[int, int]) -> None:
    generator = np.random.default_rng(2)
    colours = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]])[:, None, None]
    pictures = colours + generator.normal(0, 0.3, (4, *size, 3)).astype(np.float32)
    wanted = model.predict_on_batch(pictures)
    assert np.ptp(wanted, axis=0).max() > 0.01, "a model that does not vary is no witness"
    again = rebuilt(read(folder), size).predict_on_batch(pictures)
    np.testing.assert_allclose(again, wanted, atol=1e-5)


def test_many_shards_are_one(tiny: Any, write_tfjs: Any, tmp_path: Path) -> None:
    split = read(write_tfjs(tiny, tmp_path / "split", shard_bytes=101))
    whole = read(write_tfjs(tiny, tmp_path / "whole"))
    assert len(list((tmp_path / "split").iterdir())) > 5
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(split.tensors[name], tensor)


@pytest.mark.parametrize(
    "quantised_as, tolerance", [("uint8", 4e-3), ("uint16", 2e-5), ("float16", 2e-3)]
)
def test_quantised_weights_are_widened(
    quantised_as: str, tolerance: float, tiny: Any, write_tfjs: Any, tmp_path: Path
) -> None:
    exact = read(write_tfjs(tiny, tmp_path / "exact")).tensors
    tensors = read(write_tfjs(tiny, tmp_path / "quantised", quantised_as)).tensors
    assert tensors.keys() == exact.keys()
    assert any((tensors[name] != exact[name]).any() for name in exact)
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32
        np.testing.assert_allclose(tensor, exact[name], atol=tolerance * 2)


def test_dequantisation_is_that_of_tensorflow_js(
    tiny: Any, write_tfjs: Any, tmp_path: Path
) -> None:
    folder = write_tfjs(tiny, tmp_path, "uint8")
    first = json.loads((folder / "model.json").read_text())["weightsManifest"][0]["weights"][0]
    stored = np.frombuffer((folder / "group1-shard1of1").read_bytes()[:108], np.uint8)
    how = first["quantization"]
    wanted = [np.float32(how["min"] + int(q) * how["scale"]) for q in stored]
    np.testing.assert_array_equal(read(folder).tensors[first["name"]].ravel(), wanted)


def test_short_long_and_missing_shards(folder: Path) -> None:
    shard = folder / "group1-shard1of1"
    data = shard.read_bytes()
    shard.write_bytes(data[:-4])
    with pytest.raises(CorruptCheckpoint, match="too short"):
        read(folder)
    shard.write_bytes(data + b"\0")
    with pytest.raises(CorruptCheckpoint, match="too long"):
        read(folder)
    shard.unlink()
    with pytest.raises(CorruptCheckpoint, match="missing"):
        read(folder)


@pytest.mark.parametrize("path", ["../secret", "sub/secret", "/etc/passwd", "..", "..\\secret", ""])
def test_shards_outside_the_folder_are_refused(path: str, folder: Path) -> None:
    (folder.parent / "secret").write_bytes((folder / "group1-shard1of1").read_bytes())
    edit(folder, lambda document: document["weightsManifest"][0].update(paths=[path]))
    with pytest.raises(UnsafeCheckpoint, match="outside its folder"):
        read(folder)


def test_a_shard_that_links_out_of_the_folder_is_refused(folder: Path) -> None:
    shard = folder / "group1-shard1of1"
    shard.rename(folder.parent / "elsewhere")
    shard.symlink_to(folder.parent / "elsewhere")
    with pytest.raises(UnsafeCheckpoint, match="link out of its folder"):
        read(folder)


def test_a_key_that_stands_twice_is_refused(folder: Path) -> None:
    file = folder / "model.json"
    file.write_text(file.read_text().replace('"shape":', '"shape": [1], "shape":', 1))
    with pytest.raises(CorruptCheckpoint) as caught:
        read(folder)
    assert "'shape' stands twice" in str(caught.value)


def test_a_tensor_that_is_listed_twice_is_refused(folder: Path) -> None:
    edit(folder, lambda document: document["weightsManifest"].append(
        document["weightsManifest"][0]
    ))  # fmt: skip
    with pytest.raises(CorruptCheckpoint, match="twice"):
        read(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"modelTopology": {}}', '{"modelTopology": 3}', "[" * 100_000]
)
def test_nonsense_is_corrupt(text: str, folder: Path) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(CorruptCheckpoint):
        read(folder)


@pytest.mark.parametrize("shape", [[-1, 4], [1 << 40, 1 << 40], ["x"], [2.5], None])
def test_nonsense_shapes_are_corrupt(shape: Any, folder: Path) -> None:
    edit(
        folder,
        lambda document: document["weightsManifest"][0]["weights"][0].update(shape=shape),
    )
    with pytest.raises(CorruptCheckpoint):
        read(folder)


def test_a_graph_model_is_named_as_such(shared: Path) -> None:
    with pytest.raises(CheckpointError, match="graph model"):
        tfjs.read(shared / "checkpoints/nsfwjs_mobilenet_v2_mid")


def test_infinite_weights_are_refused_by_name(folder: Path) -> None:
    shard = folder / "group1-shard1of1"
    data = bytearray(shard.read_bytes())
    data[4:8] = np.float32(np.nan).tobytes()
    shard.write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match="NaN or infinite") as caught:
        read(folder)
    assert "Conv1/kernel (3, 3, 3, 4): 1 of 108" in str(caught.value)
