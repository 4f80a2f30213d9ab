"""Reading finished files: manifests, blobs, features; and every malformed one is a typed error."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.errors import ArtifactError, UnknownName, UsageError
from edgeconv.runtimes.coreml_reference import ArrayFeature, load
from edgeconv.runtimes.coreml_reference.element_types import ElementType
from edgeconv.runtimes.coreml_reference.packing import unpack, unpack_msb_first
from edgeconv.runtimes.coreml_reference.weight_file import WeightFile

KERNEL = np.random.default_rng(1).normal(0, 1, (8, 4, 3, 3)).astype(np.float32)
SPECIFICATION = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


@pytest.fixture
def package(tmp_path: Path, save_mil: Callable[..., None]) -> Path:
    path = tmp_path / "small.mlpackage"

    def build(mb: Any, x: Any) -> Any:
        return mb.relu(x=mb.conv(x=x, weight=KERNEL, pad_type="same", name="inside"), name="y")

    save_mil(path, build, [(1, 4, 5, 6)])
    return path


def edit_specification(package: Path, edit: Callable[[Any], None]) -> None:
    from coremltools.proto import Model_pb2

    path = package / SPECIFICATION
    model = Model_pb2.Model()
    model.ParseFromString(path.read_bytes())
    edit(model)
    path.write_bytes(model.SerializeToString())


def operations(model: Any) -> Any:
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    return block.operations


def constant_values(model: Any) -> list[Any]:
    return [op.attributes["val"] for op in operations(model) if op.type == "const"]


def test_features_and_intermediates(package: Path) -> None:
    model = load(package)
    assert model.inputs == (ArrayFeature("x0", (1, 4, 5, 6), ElementType.FP32),)
    assert [feature.name for feature in model.outputs] == ["y"]
    assert model.labels is None
    assert model.user_defined_metadata["com.github.apple.coremltools.version"]
    x = {"x0": np.ones((1, 4, 5, 6), np.float32)}
    inside = model.intermediates(x, ["inside", "y"])
    assert inside["inside"].min() < 0
    np.testing.assert_array_equal(np.maximum(inside["inside"], 0), inside["y"])
    with pytest.raises(UnknownName, match="outside"):
        model.intermediates(x, ["outside"])
    with pytest.raises(UsageError, match="other inputs"):
        model.predict({})
    with pytest.raises(UsageError, match="cannot take this array"):
        model.predict({"x0": np.ones((1, 4, 6, 5), np.float32)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rootModelIdentifier": "nobody"}, "names no root model"),
        ({"itemInfoEntries": {}}, "names no root model"),
        ({"itemInfoEntries": []}, "names no root model"),
    ],
)
def test_a_broken_manifest(package: Path, change: dict[str, Any], message: str) -> None:
    manifest = package / "Manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(ArtifactError, match=message):
        load(package)


@pytest.mark.parametrize("place", ["../../outside.mlmodel", "/etc/passwd"])
def test_a_manifest_that_leaves_the_folder(package: Path, place: str) -> None:
    manifest = package / "Manifest.json"
    table = json.loads(manifest.read_text())
    table["itemInfoEntries"][table["rootModelIdentifier"]]["path"] = place
    manifest.write_text(json.dumps(table))
    with pytest.raises(ArtifactError, match="reaches outside itself"):
        load(package)


def test_weights_outside_the_package(package: Path) -> None:
    def redirect(model: Any) -> None:
        for value in constant_values(model):
            if value.HasField("blobFileValue"):
                value.blobFileValue.fileName = "@model_path/../../../../x.bin"

    edit_specification(package, redirect)
    with pytest.raises(ArtifactError, match="reaches outside itself"):
        load(package)


def test_what_is_no_core_ml_file(tmp_path: Path) -> None:
    for content in (b"", b"\x00" * 40, b"not a model at all, by any means", b"\x08\x06"):
        path = tmp_path / "x.mlmodel"
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"x\.mlmodel"):
            load(path)
    with pytest.raises(ArtifactError, match="cannot read"):
        load(tmp_path / "missing.mlmodel")
    (tmp_path / "empty.mlpackage").mkdir()
    with pytest.raises(ArtifactError, match=r"Manifest\.json"):
        load(tmp_path / "empty.mlpackage")


def test_another_kind_of_model(tmp_path: Path) -> None:
    from coremltools.proto import Model_pb2

    model = Model_pb2.Model(specificationVersion=4)
    model.description.SetInParent()
    model.pipelineClassifier.pipeline.SetInParent()
    path = tmp_path / "pipeline.mlmodel"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match="not a kind of model") as caught:
        load(path)
    assert caught.value.got == ("pipelineClassifier",)


@pytest.mark.parametrize(
    ("offset", "code", "value", "message"),
    [
        (4, "<I", 1, "its header"),
        (64, "<I", 0xDEADBEEE, "magic"),
        (68, "<I", 1, "element type"),
        (72, "<Q", KERNEL.nbytes - 4, "bytes"),
        (80, "<Q", 1 << 40, "data up to"),
    ],
)
def test_a_damaged_weight_file(
    package: Path, offset: int, code: str, value: int, message: str
) -> None:
    data = bytearray((package / WEIGHTS).read_bytes())
    struct.pack_into(code, data, offset, value)
    (package / WEIGHTS).write_bytes(data)
    with pytest.raises(ArtifactError, match=r"weight\.bin is damaged") as caught:
        load(package)
    assert message in str(caught.value)


@pytest.mark.parametrize("length", [0, 10, 63, 64, 100, 128, 700])
def test_a_truncated_weight_file(package: Path, length: int) -> None:
    (package / WEIGHTS).write_bytes((package / WEIGHTS).read_bytes()[:length])
    with pytest.raises(ArtifactError, match=r"weight\.bin"):
        load(package)


@pytest.mark.parametrize("executor", ["onnx", "numpy"])
def test_unknown_operations_and_attributes_are_named(package: Path, executor: Any) -> None:
    def rename(model: Any) -> None:
        next(op for op in operations(model) if op.type == "relu").type = "rectify"

    def extend(model: Any) -> None:
        relu = next(op for op in operations(model) if op.type == "rectify")
        relu.type = "relu"
        relu.inputs["slope"].CopyFrom(relu.inputs["x"])

    def pad_oddly(model: Any) -> None:
        relu = next(op for op in operations(model) if op.type == "relu")
        del relu.inputs["slope"]
        for value in constant_values(model):
            strings = value.immediateValue.tensor.strings.values
            if list(strings) == ["same"]:
                strings[:] = ["sam"]

    for edit, words in (
        (rename, ["rectify at 'y'", "does not know", "conv_transpose"]),
        (extend, ["relu at 'y'", "slope"]),
        (pad_oddly, ["conv at 'inside'", "pad_type = 'sam'", "same_lower"]),
    ):
        edit_specification(package, edit)
        with pytest.raises(ArtifactError) as caught:
            load(package, executor=executor).predict({"x0": np.ones((1, 4, 5, 6), np.float32)})
        for word in words:
            assert word in str(caught.value)


@pytest.mark.parametrize("executor", ["onnx", "numpy"])
def test_a_declaration_that_is_not_kept(package: Path, executor: Any) -> None:
    def declare(model: Any) -> None:
        conv = next(op for op in operations(model) if op.type == "conv")
        conv.outputs[0].type.tensorType.dimensions[2].constant.size = 7

    edit_specification(package, declare)
    with pytest.raises(ArtifactError, match="conv at 'inside'") as caught:
        load(package, executor=executor).predict({"x0": np.ones((1, 4, 5, 6), np.float32)})
    assert "otherwise than it declares" in str(caught.value)


def test_every_element_type_that_coremltools_writes(tmp_path: Path) -> None:
    from coremltools.libmilstoragepython import _BlobStorageWriter

    rng = np.random.default_rng(4)
    values = {
        **{
            ElementType(f"uint{bits}"): rng.integers(0, 1 << bits, 21).astype(np.uint8)
            for bits in (1, 2, 3, 4, 6, 8)
        },
        ElementType.INT4: rng.integers(-8, 8, 21).astype(np.int8),
        ElementType.INT8: rng.integers(-128, 128, 21).astype(np.int8),
        ElementType.INT16: rng.integers(-(1 << 15), 1 << 15, 21).astype(np.int16),
        ElementType.UINT16: rng.integers(0, 1 << 16, 21).astype(np.uint16),
        ElementType.INT32: rng.integers(-(1 << 31), 1 << 31, 21).astype(np.int32),
        ElementType.UINT32: rng.integers(0, 1 << 32, 21).astype(np.uint32),
        ElementType.FP16: rng.normal(0, 1, 21).astype(np.float16),
        ElementType.FP32: rng.normal(0, 1, 21).astype(np.float32),
    }
    path = tmp_path / "weight.bin"
    writer = _BlobStorageWriter(str(path))
    offsets = {
        element: getattr(
            writer, f"write_{'float' if element is ElementType.FP32 else element.value}_data"
        )(data.view(np.uint16) if element is ElementType.FP16 else data)
        for element, data in values.items()
    }
    del writer
    weights = WeightFile(path)
    for element, data in values.items():
        found = weights.read(offsets[element], element, (3, 7), "w")
        assert found.dtype == data.dtype
        assert found.tobytes() == data.tobytes(), element


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_values(bits: int) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, 13)
    number = sum(int(value) << (bits * place) for place, value in enumerate(values))
    size = (13 * bits + 7) // 8
    lsb_first = number.to_bytes(size, "little")
    np.testing.assert_array_equal(unpack(lsb_first, bits, 13), values)
    signed = np.where(values >= 1 << (bits - 1), values - (1 << bits), values)
    np.testing.assert_array_equal(unpack(lsb_first, bits, 13, signed=True), signed)

    text = "".join(f"{value:0{bits}b}" for value in values).ljust(size * 8, "0")
    msb_first = int(text, 2).to_bytes(size, "big")
    np.testing.assert_array_equal(unpack_msb_first(msb_first, bits, 13), values)
