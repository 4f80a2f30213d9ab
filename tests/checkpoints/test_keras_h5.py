"""HDF5 files of Keras: every layout it ever wrote, and none of the ways out of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edgeconv.checkpoints import read
from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint


@pytest.fixture
def whole(tiny: Any, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.h5"
    tiny.save(path)
    return path


@pytest.fixture
def payload(tmp_path: Path) -> tuple[Any, Path]:
    """A model whose Lambda writes a file when it is called, and that file."""
    import tf_keras

    written = tmp_path / "written-by-the-payload"
    code = f"lambda x: (open({str(written)!r}, 'w').close(), x)[1]"
    innocent_looking = tf_keras.layers.Lambda(eval(code), name="scale_pixels")
    model = tf_keras.Sequential(
        [tf_keras.Input((4, 4, 3)), innocent_looking, tf_keras.layers.Flatten()]
    )
    return model, written


def test_a_whole_model_has_its_layers_and_tensors(whole: Path, tiny: Any) -> None:
    checkpoint = read(whole)
    assert checkpoint.format == "keras_h5"
    assert checkpoint.topology is not None and "bn_Conv1" in checkpoint.topology.layers
    assert sorted(checkpoint.tensors) == sorted(
        weight.name.removesuffix(":0") for weight in tiny.weights
    )
    for weight in tiny.weights:
        np.testing.assert_array_equal(
            checkpoint.tensors[weight.name.removesuffix(":0")], weight.numpy()
        )


def test_keras_3_names_are_those_of_keras_2(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.DepthwiseConv2D(3, name="depthwise"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, name="head"),
        ]
    )
    model.save(tmp_path / "three.h5")
    assert sorted(read(tmp_path / "three.h5").tensors) == [
        "depthwise/bias",
        "depthwise/depthwise_kernel",
        "head/bias",
        "head/kernel",
    ]


def test_variables_that_tensorflow_1_renamed_belong_to_their_group(whole: Path) -> None:
    with h5py.File(whole, "a") as file:
        group = file["model_weights/head"]
        group.move("head", "head_1")
        names = [b"head_1/kernel:0", b"head_1/bias:0"]
        group.attrs["weight_names"] = names
    assert {"head/kernel", "head/bias"} <= read(whole).tensors.keys()


def test_weights_alone(tiny: Any, tmp_path: Path) -> None:
    tiny.save_weights(tmp_path / "alone.h5")
    checkpoint = read(tmp_path / "alone.h5")
    assert checkpoint.topology is None
    assert {"Conv1/kernel", "head/bias"} <= checkpoint.tensors.keys()


def test_long_lists_of_names_are_kept_in_parts(whole: Path) -> None:
    before = read(whole).tensors.keys()
    with h5py.File(whole, "a") as file:
        attributes = file["model_weights"].attrs
        names = [name.encode() for name in attributes["layer_names"]]
        del attributes["layer_names"]
        attributes["layer_names0"], attributes["layer_names1"] = names[:1], names[1:]
    assert read(whole).tensors.keys() == before


def test_the_payload_is_real_and_is_not_run(payload: tuple[Any, Path], tmp_path: Path) -> None:
    import tf_keras

    model, written = payload
    model.save(tmp_path / "nsfw.h5")
    written.unlink()
    with pytest.raises(UnsafeCheckpoint) as caught:
        read(tmp_path / "nsfw.h5")
    assert "'scale_pixels' of class Lambda" in str(caught.value)
    assert not written.exists()
    tf_keras.models.load_model(tmp_path / "nsfw.h5", compile=False)
    assert written.exists(), "tf_keras's own loader was expected to run the payload"


def test_a_keras_archive_with_the_payload_is_refused(
    payload: tuple[Any, Path], tmp_path: Path
) -> None:
    model, written = payload
    model.save(tmp_path / "nsfw.keras")
    written.unlink()
    with pytest.raises(UnsafeCheckpoint, match=r"nsfw\.keras was refused"):
        read(tmp_path / "nsfw.keras")
    assert not written.exists()


def test_a_saved_model_is_refused_unopened(payload: tuple[Any, Path], tmp_path: Path) -> None:
    model, written = payload
    model.save(tmp_path / "saved", save_format="tf")
    written.unlink(missing_ok=True)
    with pytest.raises(UnsafeCheckpoint, match="SavedModel") as caught:
        read(tmp_path / "saved")
    assert "save it as .h5, .keras or .safetensors" in str(caught.value)
    assert not written.exists()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_truncated_file_is_corrupt(share: float, whole: Path) -> None:
    data = whole.read_bytes()
    whole.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorruptCheckpoint, match="no sound HDF5"):
        read(whole)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_hdf5_is_corrupt(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "nsfw.h5").write_bytes(content)
    with pytest.raises(CorruptCheckpoint, match="no sound HDF5"):
        read(tmp_path / "nsfw.h5")


def replace_kernel(path: Path, replacement: Any) -> None:
    with h5py.File(path, "a") as file:
        group = file["model_weights/head/head"]
        del group["kernel:0"]
        replacement(group)


def test_external_links_are_not_followed(whole: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["kernel"] = np.zeros((4, 3), np.float32)

    def link(group: Any) -> None:
        group["kernel:0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/kernel")

    replace_kernel(whole, link)
    with pytest.raises(UnsafeCheckpoint, match="not followed") as caught:
        read(whole)
    assert "ExternalLink" in str(caught.value)


def test_soft_links_are_not_followed(whole: Path) -> None:
    def link(group: Any) -> None:
        group["kernel:0"] = h5py.SoftLink("/model_weights/head/head/bias:0")

    replace_kernel(whole, link)
    with pytest.raises(UnsafeCheckpoint, match="not followed"):
        read(whole)


def test_virtual_datasets_are_not_read(whole: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["kernel"] = np.zeros((4, 3), np.float32)

    def virtual(group: Any) -> None:
        layout = h5py.VirtualLayout((4, 3), np.float32)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "kernel", (4, 3))
        group.create_virtual_dataset("kernel:0", layout)

    replace_kernel(whole, virtual)
    with pytest.raises(UnsafeCheckpoint, match="data lie elsewhere"):
        read(whole)


def test_raw_external_storage_is_not_read(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\0" * 48)

    def external(group: Any) -> None:
        storage = [(str(tmp_path / "secret"), 0, 48)]
        group.create_dataset("kernel:0", (4, 3), np.float32, external=storage)

    replace_kernel(whole, external)
    with pytest.raises(UnsafeCheckpoint, match="data lie elsewhere"):
        read(whole)


@pytest.mark.parametrize("chunks", [None, (1 << 20,)])
def test_more_declared_than_held_is_corrupt(chunks: Any, whole: Path) -> None:
    def bomb(group: Any) -> None:
        packing = {"chunks": chunks, "compression": "gzip"} if chunks else {}
        dataset = group.create_dataset("kernel:0", (1 << 36,), np.float32, **packing)
        if chunks:
            dataset[: 1 << 20] = 0

    replace_kernel(whole, bomb)
    with pytest.raises(CorruptCheckpoint, match="more data than it holds"):
        read(whole)


def test_a_group_that_contains_itself_comes_to_an_end(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "loop.weights.h5", "w") as file:
        group = file.create_group("layers")
        group["again"] = group
    with pytest.raises(CorruptCheckpoint, match="absurdly many"):
        read(tmp_path / "loop.weights.h5")


def test_nan_is_refused_by_name(whole: Path) -> None:
    with h5py.File(whole, "a") as file:
        file["model_weights/head/head/bias:0"][1] = np.nan
    with pytest.raises(CorruptCheckpoint, match="NaN or infinite") as caught:
        read(whole)
    assert "head/bias (3,): 1 of 3 values" in str(caught.value)


def test_integer_tensors_are_refused(whole: Path) -> None:
    replace_kernel(
        whole, lambda group: group.create_dataset("kernel:0", data=np.zeros((4, 3), int))
    )
    with pytest.raises(CorruptCheckpoint, match="no weight"):
        read(whole)


def test_a_broken_configuration_is_corrupt(whole: Path) -> None:
    with h5py.File(whole, "a") as file:
        file.attrs["model_config"] = '{"class_name": "Sequential"'
    with pytest.raises(CorruptCheckpoint, match="JSON"):
        read(whole)


def test_the_configuration_may_be_bytes(whole: Path) -> None:
    with h5py.File(whole, "a") as file:
        text = json.dumps(json.loads(file.attrs["model_config"]))
        file.attrs["model_config"] = np.bytes_(text)
    assert read(whole).topology is not None
