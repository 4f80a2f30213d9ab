import numpy as np
import onnx
import pytest

from edgeconv.artifact import open_artifact
from edgeconv.errors import ArtifactError
from edgeconv.formats.onnx_inspect import read_precision


@pytest.fixture(scope="module")
def models(demo_run):
    return {
        precision: onnx.load(demo_run.out / f"Demo.{precision}.onnx")
        for precision in ("fp32", "fp16", "int8")
    }


def test_names_and_layout_fit_tensorrt(models):
    for model in models.values():
        (image,), (scores,) = model.graph.input, model.graph.output
        assert (image.name, scores.name) == ("image", "scores")
        shape = [d.dim_value for d in image.type.tensor_type.shape.dim]
        assert shape == [1, 3, 224, 224]
        assert image.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert model.opset_import[0].version == 17


def test_batch_normalisation_is_folded(models):
    assert "BatchNormalization" not in {node.op_type for node in models["fp32"].graph.node}


def test_constants_are_in_order_of_use(models):
    uses = [name for node in models["fp32"].graph.node for name in node.input]
    order = [uses.index(tensor.name) for tensor in models["fp32"].graph.initializer]
    assert order == sorted(order)


def test_int8_keeps_softmax_in_float_and_weights_per_channel(models):
    graph = models["int8"].graph
    assert "Softmax" in {node.op_type for node in graph.node}
    scales = [t for t in graph.initializer if t.name.endswith("_scale") and len(t.dims) == 1]
    assert any(np.prod(tensor.dims) > 100 for tensor in scales)


def test_an_int8_that_is_float_is_seen_as_float(models):
    found = read_precision(models["fp32"], asked="int8")
    assert (found.weight_type, found.float_ops) == ("float32", 1.0)


def test_a_file_without_a_contract_is_said(models, tmp_path):
    bare = onnx.ModelProto()
    bare.CopyFrom(models["fp32"])
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "bare.onnx")
    with pytest.raises(ArtifactError, match="carries no edgeconv contract"):
        open_artifact(tmp_path / "bare.onnx")


def test_a_contract_that_is_nonsense_is_said(models, tmp_path):
    wrong = onnx.ModelProto()
    wrong.CopyFrom(models["fp32"])
    onnx.helper.set_model_props(wrong, {"edgeconv": '{"version": 99}'})
    onnx.save(wrong, tmp_path / "wrong.onnx")
    with pytest.raises(ArtifactError, match="cannot be read"):
        open_artifact(tmp_path / "wrong.onnx")
