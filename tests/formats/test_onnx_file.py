"""Files are as protobuf writes them, and are read without their weights."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.errors import ArtifactError, ConversionError, NoContract
from edgeconv.formats import onnx_file
from edgeconv.formats.onnx_file import read_structure, write_model
from edgeconv.formats.onnx_metadata import read_contract, write_contract
from edgeconv.formats.protobuf_wire import fields

WEIGHTS = {
    "first": np.random.default_rng(0).normal(size=(300, 40)).astype(np.float32),
    "second": np.random.default_rng(1).normal(size=(40, 3)).astype(np.float16),
}


def model(tensors):
    """A graph of two layers; ``tensors`` are its initializers."""
    nodes = [
        helper.make_node("MatMul", ["row", "first"], ["hidden"]),
        helper.make_node("Cast", ["hidden"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["half", "second"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "two layers",
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, (1, 300))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT16, (1, 3))],
        tensors,
    )
    return helper.make_model(graph, doc_string="for a test")


def full():
    return model([numpy_helper.from_array(WEIGHTS[name], name) for name in WEIGHTS])


def hollow():
    types = (TensorProto.FLOAT, TensorProto.FLOAT16)
    return model(
        [
            TensorProto(name=name, data_type=kind, dims=WEIGHTS[name].shape)
            for name, kind in zip(WEIGHTS, types, strict=True)
        ]
    )


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "model.onnx"
    write_model(path, hollow(), {name: lambda name=name: WEIGHTS[name] for name in WEIGHTS})
    return path


def test_the_bytes_are_those_of_protobuf(written):
    assert written.read_bytes() == full().SerializeToString(deterministic=True)


def test_values_are_made_when_they_are_written_and_in_any_memory_order(tmp_path):
    weights = {name: lambda name=name: np.asfortranarray(WEIGHTS[name]) for name in WEIGHTS}
    write_model(tmp_path / "model.onnx", hollow(), weights)
    found = onnx.load(tmp_path / "model.onnx").graph.initializer
    for tensor in found:
        assert np.array_equal(numpy_helper.to_array(tensor), WEIGHTS[tensor.name])


def test_what_is_inside_already_stays(tmp_path):
    write_model(tmp_path / "model.onnx", full(), {})
    assert (tmp_path / "model.onnx").read_bytes() == full().SerializeToString(deterministic=True)


def test_structure_is_all_but_the_weights(written):
    assert read_structure(written) == hollow()


def test_too_large_a_file_is_refused_before_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "LARGEST_FILE", 10_000)
    with pytest.raises(ConversionError, match="at most 2 GB"):
        write_model(tmp_path / "model.onnx", full(), {})
    assert not (tmp_path / "model.onnx").exists()


def test_a_contract_goes_in_and_comes_out(written, tflite_contract):
    write_contract(written, tflite_contract)
    assert read_contract(written) == tflite_contract
    other = tflite_contract.model_copy(update={"summary": "another one"})
    write_contract(written, other)
    assert read_contract(written) == other

    expected = full()
    helper.set_model_props(expected, {"edgeconv": other.to_json()})
    assert written.read_bytes() == expected.SerializeToString(deterministic=True)


def test_a_file_without_contract_says_so(written):
    with pytest.raises(NoContract, match="carries no edgeconv contract"):
        read_contract(written)


@pytest.mark.parametrize(
    "content",
    [b"", b"nothing of the kind", b"\x3a\xff\xff\xff\xff\x0f", b"\x80" * 12, b"\x0b", b"\x00"],
)
@pytest.mark.parametrize("read", [read_structure, read_contract])
def test_what_is_no_onnx_is_a_typed_error(tmp_path, content, read):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ArtifactError):
        read(tmp_path / "x.onnx")


@pytest.mark.parametrize("length", [50, 1_000, 20_000])
def test_a_truncated_file_is_a_typed_error(written, length):
    written.write_bytes(written.read_bytes()[:length])
    with pytest.raises(ArtifactError, match="not an ONNX file"):
        read_structure(written)


def test_fields_cover_a_message_without_gaps():
    content = full().SerializeToString(deterministic=True)
    found = list(fields(content, 0, len(content)))
    assert b"".join(field.of(content) for field in found) == content
    assert [field.number for field in found] == sorted(field.number for field in found)
