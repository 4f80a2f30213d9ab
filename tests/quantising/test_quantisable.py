"""From calibration pictures to files: the integers that were chosen are those that ship."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgeconv.progress import Silent
from edgeconv.quantising import quantisable
from edgeconv.targets import Form, Options
from edgeconv.targets.onnx import OnnxConverter
from edgeconv.targets.tflite import TFLiteConverter


@pytest.fixture(scope="module")
def ready(classifier, small_pixels):
    return quantisable(classifier, small_pixels, Silent())


@pytest.fixture(scope="module")
def files(classifier, ready, small_pixels, tmp_path_factory):
    """``ours`` and ``stock``, each as TFLite and ONNX."""
    folder, frozen = tmp_path_factory.mktemp("int8"), classifier.freeze()
    for name, network in (("ours", ready), ("stock", None)):
        options = Options(calibration=small_pixels, quantisable=network)
        for target, converter in (("tflite", TFLiteConverter), ("onnx", OnnxConverter)):
            form = Form(target, "int8", f".{target}")
            converter(frozen, options).write(form, folder / f"{name}.{target}")
    return folder


def tflite_integers(path):
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return {
        np.sort(interpreter.get_tensor(tensor["index"]).ravel()).tobytes()
        for tensor in interpreter.get_tensor_details()
        if tensor["dtype"] == np.int8 and len(tensor["quantization_parameters"]["scales"]) > 1
    }


def onnx_integers(path):
    tensors = [onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer]
    return {np.sort(t.ravel()).tobytes() for t in tensors if t.dtype == np.int8 and t.ndim > 1}


def test_both_formats_hold_the_same_integers(files):
    ours = tflite_integers(files / "ours.tflite")
    assert len(ours) == 5
    assert ours == onnx_integers(files / "ours.onnx")
    assert ours != tflite_integers(files / "stock.tflite")


def test_no_padding_is_left_between_integers(files):
    operators = {node.op_type for node in onnx.load(files / "ours.onnx").graph.node}
    assert "Pad" not in operators
    assert "Pad" in {node.op_type for node in onnx.load(files / "stock.onnx").graph.node}


def test_a_head_over_embeddings_is_left_alone(classifier, small_pixels):
    spec = classifier.spec.model_copy(update={"architecture": {"kind": "embedding_mlp"}})
    assert quantisable(replace(classifier, spec=spec), small_pixels, Silent()) is None


def test_no_network_of_other_libraries_is_touched(classifier, small_pixels):
    assert quantisable(replace(classifier, network=object()), small_pixels, Silent()) is None
