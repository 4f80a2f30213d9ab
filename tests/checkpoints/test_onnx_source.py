"""ONNX classifiers as their authors ship them: recognised by content, read as data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.checkpoints import onnx as reader
from edgeconv.checkpoints.checkpoint import sound
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

FALCONSAI = "falconsai_yolov9_nsfw_model_quantized.pt"


def model(
    *last: str,
    picture: tuple[Any, ...] = (1, 3, 8, 8),
    dtype: int = TensorProto.FLOAT,
    width: int = 2,
    outputs: int = 1,
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """Mean over the picture, a dense layer, and the operations of ``last``."""
    channels_first = picture[1] == 3
    generator = np.random.default_rng(0)
    weights = numpy_helper.from_array(generator.normal(0, 1, (3, width)).astype("f4"), "weights")
    axes = [2, 3] if channels_first else [1, 2]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["x0"]),
    ]
    for number, operation in enumerate(last):
        nodes.append(helper.make_node(operation, [f"x{number}"], [f"x{number + 1}"]))
    names = [f"x{len(last)}", "mean"][:outputs]
    sides = {"mean": 3, f"x{len(last)}": width}
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "classifier",
            [helper.make_tensor_value_info("images", dtype, picture)],
            [
                helper.make_tensor_value_info(n, TensorProto.FLOAT, (picture[0], sides[n]))
                for n in names
            ],
            [weights],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    if metadata:
        helper.set_model_props(made, metadata)
    return made


def write(path: Path, made: onnx.ModelProto, labels: Any = None) -> Path:
    path.write_bytes(made.SerializeToString())
    if labels is not None:
        (path.parent / "labels.json").write_text(json.dumps(labels))
    return path


def ultralytics(**more: str) -> dict[str, str]:
    names = "{0: 'normal', 1: 'nsfw'}"
    return {"task": "classify", "names": names, "imgsz": "[8, 8]", "stride": "1", **more}


def test_a_classifier_is_recognised_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    file = write(tmp_path / FALCONSAI, model("Softmax"), {"0": "normal", "1": "nsfw"})
    assert reader.recognises(file)
    assert reader.recognises(tmp_path)
    for checkpoint in (reader.read(file), reader.read(tmp_path)):
        assert checkpoint.declared is not None
        assert checkpoint.declared.labels == ("normal", "nsfw")
        assert checkpoint.declared.architecture == {"kind": "onnx"}
        assert checkpoint.declared.output is not None
        assert checkpoint.declared.output.kind == "softmax"
        assert checkpoint.declared.input is None, "nothing in the file says how to normalise"
        assert checkpoint.program.size == (8, 8)
        assert list(checkpoint.tensors) == ["weights"]
    assert reader.read(file).path == file
    assert reader.read(tmp_path).path == tmp_path


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89HDF\r\n\x1a\n" + bytes(64),
        b"PK\x03\x04" + bytes(64),
        b"\x80\x02}q\x00.",
        b"\x08\x04\x12\x02\x0a\x00",  # Core ML: a version, and a description
        b"\x08\x08\x3a\x05",  # a graph that ends too early
        b"\x08\x08\x3a\x00",  # a graph, and no opset
    ],
)
def test_other_files_are_not_recognised(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    assert not reader.recognises(tmp_path / "model.pt")
    assert not reader.recognises(tmp_path)


def test_a_broken_onnx_file_is_corrupt_and_not_unknown(tmp_path: Path) -> None:
    whole = model("Softmax").SerializeToString()
    for content in (b"no protobuf at all", whole[: len(whole) // 2]):
        (tmp_path / "model.onnx").write_bytes(content)
        assert reader.recognises(tmp_path / "model.onnx")
        with pytest.raises(CorruptCheckpoint, match="onnx"):
            reader.read(tmp_path / "model.onnx")


def test_a_graph_that_reads_what_nobody_makes_is_corrupt(tmp_path: Path) -> None:
    made = model("Softmax")
    made.graph.node[0].input[0] = "nobody"
    with pytest.raises(CorruptCheckpoint, match="no sound ONNX"):
        reader.read(write(tmp_path / "model.onnx", made))


def test_weights_that_are_not_finite_are_seen(tmp_path: Path) -> None:
    made = model("Softmax")
    values = np.full((3, 2), np.nan, np.float32)
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "weights"))
    with pytest.raises(CorruptCheckpoint, match="NaN"):
        sound(reader.read(write(tmp_path / "model.onnx", made)))


def test_two_files_in_a_folder_are_not_guessed_between(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        write(tmp_path / name, model("Softmax"))
    with pytest.raises(CheckpointError) as refused:
        reader.read(tmp_path)
    assert refused.value.got == ("a.onnx", "b.onnx")


@pytest.mark.parametrize(
    ("last", "width", "kind"),
    [
        (("Softmax",), 2, "softmax"),
        (("Softmax", "Identity", "Flatten"), 2, "softmax"),
        (("Sigmoid",), 2, "multi-label"),
        (("Sigmoid",), 1, "sigmoid"),
        ((), 2, None),
        (("Softmax", "Neg"), 2, None),
    ],
)
def test_what_a_graph_ends_in(
    last: tuple[str, ...], width: int, kind: str | None, tmp_path: Path
) -> None:
    checkpoint = reader.read(write(tmp_path / "model.onnx", model(*last, width=width)))
    assert checkpoint.declared is not None
    output = checkpoint.declared.output
    assert (output and output.kind) == kind


@pytest.mark.parametrize(
    ("picture", "layout", "size"),
    [
        ((1, 3, 8, 6), "NCHW", (8, 6)),
        ((1, 8, 6, 3), "NHWC", (8, 6)),
        (("batch", 3, 8, 6), "NCHW", (8, 6)),
        ((1, 3, "height", "width"), "NCHW", (None, None)),
    ],
)
def test_what_a_graph_takes(
    picture: tuple[Any, ...], layout: str, size: tuple[Any, ...], tmp_path: Path
) -> None:
    program = reader.read(write(tmp_path / "m.onnx", model("Softmax", picture=picture))).program
    assert (program.layout, program.size, program.width) == (layout, size, 2)


def test_an_ultralytics_export_says_labels_and_preprocessing(tmp_path: Path) -> None:
    file = write(tmp_path / "best.onnx", model("Softmax", metadata=ultralytics()))
    declared = reader.read(file).declared
    assert declared is not None
    assert declared.labels == ("normal", "nsfw")
    assert declared.input is not None
    assert declared.input.size == (8, 8)
    assert declared.input.resize.mode == "center_crop"
    assert declared.input.scale == 1 / 255


def test_imgsz_is_the_size_of_an_ultralytics_export_for_any_size(tmp_path: Path) -> None:
    made = model("Softmax", picture=(1, 3, "h", "w"), metadata=ultralytics(imgsz="[6, 8]"))
    declared = reader.read(write(tmp_path / "best.onnx", made)).declared
    assert declared is not None
    assert declared.input is not None
    assert declared.input.size == (6, 8)
    assert declared.input.resize.mode == "stretch"


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ("__import__('pathlib').Path('{folder}/ran').touch()", None),
        ("['normal', 'nsfw']", None),
        ("{0: 'normal', 2: 'nsfw'}", None),
        ("{0: 'normal', 1: ''}", None),
        (None, {"0": "normal", "2": "nsfw"}),
        (None, {"0": "normal", "1": 3}),
        (None, ["normal", "nsfw"]),
        (None, {"0": "normal", "1": "nsfw", "2": "other"}),
        ("{0: 'normal', 1: 'nsfw'}", {"0": "nsfw", "1": "normal"}),
    ],
)
def test_labels_that_cannot_be_right_are_refused(
    names: str | None, labels: Any, tmp_path: Path
) -> None:
    metadata = ultralytics(names=names.replace("{folder}", str(tmp_path))) if names else None
    file = write(tmp_path / "model.onnx", model("Softmax", metadata=metadata), labels)
    with pytest.raises(CheckpointError, match="labels|JSON"):
        reader.read(file)
    assert not (tmp_path / "ran").exists()


def _with_rank_3_output(made: onnx.ModelProto) -> onnx.ModelProto:
    shape = numpy_helper.from_array(np.array([1, 2, 1], np.int64), "shape")
    made.graph.initializer.append(shape)
    made.graph.node.append(helper.make_node("Reshape", ["x0", "shape"], ["boxes"]))
    made.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, (1, 2, 1))
    )
    return made


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: _with_rank_3_output(model()), r"detection.*boxes: float32 \[1, 2, 1\]"),
        (lambda: model(metadata=ultralytics(task="detect")), "'detect'"),
        (lambda: model("Softmax", outputs=2), r"2 outputs.*mean: float32 \[1, 3\]"),
        (lambda: model(picture=(4, 3, 8, 8)), r"images: float32 \[4, 3, 8, 8\]"),
        (lambda: model(picture=(1, 3, 8, 8), dtype=TensorProto.DOUBLE), "no sound ONNX|float64"),
        (lambda: model("LogSoftmax"), "LogSoftmax"),
    ],
)
def test_what_is_no_classifier_is_refused_by_name(
    make: Callable[[], onnx.ModelProto], found: str, tmp_path: Path
) -> None:
    import re

    with pytest.raises(CheckpointError) as refused:
        reader.read(write(tmp_path / "model.onnx", make()))
    assert re.search(found, " ".join(str(refused.value).split()))


def test_a_uint8_input_is_refused_by_name(tmp_path: Path) -> None:
    made = model("Softmax", dtype=TensorProto.UINT8)
    made.graph.node.insert(0, helper.make_node("Cast", ["images"], ["floats"], to=1))
    made.graph.node[1].input[0] = "floats"
    with pytest.raises(CheckpointError, match="another type than float32"):
        reader.read(write(tmp_path / "model.onnx", made))


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """A model whose weights lie beside it, as torch's exporter writes it."""
    folder = tmp_path / "split"
    folder.mkdir()
    onnx.save(
        model("Softmax"),
        folder / "model.onnx",
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )
    assert (folder / "model.onnx.data").exists()
    return folder


def test_weights_beside_the_file_are_part_of_the_checkpoint(split: Path) -> None:
    checkpoint = reader.read(split / "model.onnx")
    expected = numpy_helper.to_array(model("Softmax").graph.initializer[0])
    np.testing.assert_array_equal(checkpoint.tensors["weights"], expected)
    assert checkpoint.path == split, "a checkpoint is known by the SHA-256 of all its files"
    assert not checkpoint.program.model.graph.initializer[0].external_data


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "link"])
def test_no_weights_are_read_from_outside_the_folder(location: str, split: Path) -> None:
    (split.parent / "secret").write_bytes(bytes(24))
    (split / "link").symlink_to(split.parent / "secret")
    made = onnx.load(split / "model.onnx", load_external_data=False)
    for entry in made.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    with pytest.raises(UnsafeCheckpoint):
        reader.read(write(split / "model.onnx", made))


def test_missing_weights_are_named(split: Path) -> None:
    (split / "model.onnx.data").unlink()
    with pytest.raises(CorruptCheckpoint, match="missing"):
        reader.read(split / "model.onnx")
