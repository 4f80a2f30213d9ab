"""SavedModels are programs: one kind is read as data, all others are refused unrun."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autokeras_graphs import HIDDEN, LENGTH, VOCABULARIES, Graph, rows, save

from edgeconv.architectures import build
from edgeconv.checkpoints import fitting, saved_model
from edgeconv.checkpoints.checkpoint import Checkpoint, sound
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from edgeconv.spec import ModelSpec

INDEX = "variables/variables.index"
DATA = "variables/variables.data-00000-of-00001"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of a SavedModel, and what it computes; no test may change the folder."""
    folder = tmp_path_factory.mktemp("saved") / "head"
    return folder, save(folder)


@pytest.fixture
def folder(original: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(original[0], tmp_path / "head"))


def zipped(folder: Path, to: Path, root: str = "head/") -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, root + file.relative_to(folder).as_posix())
    return to


def scores(checkpoint: Checkpoint, given: Any) -> Any:
    assert checkpoint.declared is not None
    spec = ModelSpec(
        name="head",
        basename="Head",
        summary="",
        labels=("safe", "nsfw"),
        architecture=dict(checkpoint.declared.architecture),
        input=checkpoint.declared.input,
        output=checkpoint.declared.output,
        checkpoint={"formats": ["saved_model"]},
    )
    model = build(spec)
    fitting.fill(model, sound(checkpoint).tensors, "here", spec.name)
    return model.predict_on_batch(given)


def test_it_computes_what_tensorflow_computes(original: tuple[Path, Any]) -> None:
    folder, module = original
    wanted = module.serve(rows().astype(np.float64)).numpy()[:, 0]
    assert np.ptp(wanted) > 0.5, "a model that does not vary is no witness"
    found = scores(saved_model.read(folder), rows())
    np.testing.assert_allclose(found[:, 1], wanted, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_without_its_tables_it_would_not(original: tuple[Path, Any]) -> None:
    folder, module = original
    checkpoint = saved_model.read(folder)
    tensors = {
        name: tensor + 1 if "low" in name else tensor for name, tensor in checkpoint.tensors.items()
    }
    wanted = module.serve(rows().astype(np.float64)).numpy()[:, 0]
    assert np.abs(scores(replace(checkpoint, tensors=tensors), rows())[:, 1] - wanted).max() > 0.05


def test_it_declares_what_it_is(original: tuple[Path, Any]) -> None:
    checkpoint = saved_model.read(original[0])
    assert checkpoint.format == "saved_model"
    assert checkpoint.declared is not None
    assert checkpoint.declared.architecture == {
        "kind": "embedding_mlp",
        "hidden": list(HIDDEN),
        "standardise": True,
        "tables": {column: len(keys) for column, keys in VOCABULARIES.items()},
    }
    assert checkpoint.declared.input.length == LENGTH
    assert checkpoint.declared.output.kind == "sigmoid"


@pytest.mark.parametrize("root", ["head/", ""])
def test_an_archive_is_the_same_as_its_folder(root: str, folder: Path, tmp_path: Path) -> None:
    archive = zipped(folder, tmp_path / "head.zip", root)
    assert saved_model.recognises(archive) and saved_model.recognises(folder)
    unpacked, packed = saved_model.read(folder), saved_model.read(archive)
    assert packed.path == archive
    assert packed.tensors.keys() == unpacked.tensors.keys()
    for name, tensor in packed.tensors.items():
        np.testing.assert_array_equal(tensor, unpacked.tensors[name])


def test_the_real_heads_have_their_tables(shared: Path) -> None:
    large, small = (
        saved_model.read(shared / "checkpoints/laion" / name).declared
        for name in ("clip_autokeras_binary_nsfw.zip", "clip_autokeras_nsfw_b32.zip")
    )
    tables = {180: 10425, 316: 2266, 413: 2190, 440: 2293, 644: 2241}
    assert large is not None and large.architecture["tables"] == tables
    assert small is not None and small.architecture["hidden"] == [32, 32]


def _tanh(value: Any) -> Any:
    import tensorflow as tf

    return tf.tanh(value)


def _python(value: Any) -> Any:
    import tensorflow as tf

    made = tf.py_function(lambda x: x, [value], tf.float32)
    made.set_shape(value.shape)
    return made


def _short(column: Any) -> Any:
    import tensorflow as tf

    return tf.strings.as_string(column, precision=3)


def _read_file(column: Any) -> Any:
    import tensorflow as tf

    return tf.zeros_like(column) + tf.cast(
        tf.strings.length(tf.io.read_file("/etc/passwd")), "float"
    )


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (Graph(activation=_tanh), "Tanh"),
        (Graph(last=_tanh), "Tanh"),
        (Graph(activation=_python), "EagerPyFunc"),
        (Graph(printed=_short), "AsString"),
        (Graph(plain=_read_file), "AddV2"),
        (Graph(plain=lambda column: column), "SplitV"),
        (Graph(unknown=1), "unknown text"),
        (Graph(positions=lambda count: list(range(count, 0, -1))), "not in order"),
        (Graph({3: ("0.1", "0.200000")}), "other text than numbers"),
        (Graph({3: ("-0.000000", "0.200000")}), "holds zero"),
        (Graph({3: ("9.000000", "0.200000")}), "or more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_other_graph_is_refused(graph: Graph, said: str, tmp_path: Path) -> None:
    save(tmp_path / "head", graph)
    with pytest.raises(UnsafeCheckpoint, match="nothing of it was run") as caught:
        saved_model.read(tmp_path / "head")
    assert "SavedModel, which carries code" in str(caught.value)
    assert said in str(caught.value)


def test_a_keras_model_with_a_payload_is_refused_unrun(tmp_path: Path) -> None:
    import tf_keras

    written = tmp_path / "written"
    layers = tf_keras.layers
    place = str(written)
    payload = layers.Lambda(lambda x: [Path(place).touch(), x][1])
    model = tf_keras.Sequential([layers.Input((4,)), payload, layers.Dense(1, "sigmoid")])
    model.save(tmp_path / "head", save_format="tf")
    written.unlink(missing_ok=True)
    with pytest.raises(UnsafeCheckpoint, match="was refused"):
        saved_model.read(tmp_path / "head")
    assert not written.exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x0a\x00"])
def test_nonsense_is_refused(content: bytes, folder: Path) -> None:
    (folder / "saved_model.pb").write_bytes(content)
    with pytest.raises((UnsafeCheckpoint, CorruptCheckpoint)):
        saved_model.read(folder)


def test_mutations_are_refused_or_read(folder: Path) -> None:
    """Whatever bytes change, nothing but a typed error comes out."""
    file = folder / "saved_model.pb"
    whole = file.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in generator.integers(0, len(data), 3):
            data[place] = generator.integers(0, 256)
        file.write_bytes(data)
        try:
            saved_model.read(folder)
        except CheckpointError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("name", [INDEX, DATA])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_variables_are_corrupt(name: str, share: float, folder: Path) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorruptCheckpoint, match="variables of head are damaged"):
        saved_model.read(folder)


@pytest.mark.parametrize("name", [INDEX, DATA])
def test_a_flipped_bit_in_what_is_read_is_corrupt(name: str, folder: Path) -> None:
    data = bytearray((folder / name).read_bytes())
    data[10] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match="damaged"):
        saved_model.read(folder)


@pytest.mark.parametrize("name", [INDEX, DATA])
def test_missing_variables_are_corrupt(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(CorruptCheckpoint, match="missing"):
        saved_model.read(folder)
    with pytest.raises(CorruptCheckpoint, match="missing"):
        saved_model.read(zipped(folder, tmp_path / "head.zip"))


def test_links_out_of_the_folder_are_refused(folder: Path) -> None:
    (folder / "variables").rename(folder.parent / "elsewhere")
    (folder / "variables").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(UnsafeCheckpoint, match="link"):
        saved_model.read(folder)


def test_archives_that_lead_out_or_hold_two_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsafeCheckpoint, match="leads out"):
        saved_model.read(zipped(folder, tmp_path / "out.zip", "../head/"))
    two = zipped(folder, tmp_path / "two.zip")
    with zipfile.ZipFile(two, "a") as archive:
        archive.writestr("other/saved_model.pb", b"")
    with pytest.raises(CheckpointError, match="more than one"):
        saved_model.read(two)
