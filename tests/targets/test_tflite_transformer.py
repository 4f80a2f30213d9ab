"""Transformers in TFLite: matrices that tensorflow's converter never sees."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from vit_specs import randomised_vit, vit_pixels, vit_spec

from edgeconv.architectures import build
from edgeconv.formats.tflite_flatbuffer import unpack
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.targets import Form, Options
from edgeconv.targets import tflite_from_graph as module
from edgeconv.targets.tflite import TFLiteConverter
from edgeconv.targets.tflite_from_graph import from_graph

BEYOND_FLOAT16, ALMOST_ZERO = 1e5, 2e-7
SEEN, UNSEEN = 1 << 30, 1 << 11


@pytest.fixture(scope="module")
def frozen():
    model = randomised_vit(build(vit_spec()))
    (kernel,) = (weight for weight in model.weights if weight.name.startswith("block_01_up/kernel"))
    values = kernel.numpy()
    values[:, 5:7] = 0, ALMOST_ZERO
    values[3, 7] = BEYOND_FLOAT16
    kernel.assign(values)
    return KerasNetwork(model).freeze(vit_spec())


@pytest.fixture
def converted(frozen, tmp_path, monkeypatch):
    def convert(precision, large, compat=None):
        monkeypatch.setattr(module.from_graph, "__defaults__", (large,))
        path = tmp_path / "made.tflite"
        converter = TFLiteConverter(frozen, Options(compat=compat))
        converter.write(Form("tflite", precision, ".tflite"), path)
        return path.read_bytes()

    return convert


def constants(content):
    model = unpack(content)
    found = {}
    for tensor in model.subgraphs[0].tensors:
        values, scales = model.buffers[tensor.buffer].data, tensor.quantization
        found[tensor.name] = (
            tensor.type,
            list(tensor.shape),
            None if values is None else values.tobytes(),
            None if scales is None or scales.scale is None else scales.scale.tolist(),
        )
    assert len(found) == len(model.subgraphs[0].tensors)
    return found


@pytest.mark.parametrize(
    ("precision", "compat"),
    [("fp32", None), ("fp16", None), ("dynamic", None), ("dynamic", "tflite-2.14")],
)
def test_the_file_is_as_if_the_converter_had_seen_all(converted, precision, compat, monkeypatch):
    expected = constants(converted(precision, SEEN, compat))
    monkeypatch.setattr(module, "_put_in", counted := Counted(module._put_in))
    assert constants(converted(precision, UNSEEN, compat)) == expected
    assert counted.matrices == [6 * 3]


class Counted:
    """How many matrices were put in, each time."""

    def __init__(self, function):
        self.function, self.matrices = function, []

    def __call__(self, model, weights):
        self.matrices.append(len(weights))
        return self.function(model, weights)


def run(content, pictures):
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for picture in pictures:
        interpreter.set_tensor(image["index"], picture[None].astype(np.float32))
        interpreter.invoke()
        found.append(interpreter.get_tensor(scores["index"])[0])
    return np.stack(found)


def test_a_matrix_put_in_is_the_one_that_counts(frozen, monkeypatch):
    pictures = vit_pixels(6)
    whole = run(from_graph(frozen.function, lambda _: None, UNSEEN), pictures)
    assert whole.std(axis=0).min() > 0.01
    assert whole == pytest.approx(frozen.scores(pictures), abs=1e-5)
    stored = module._stored
    monkeypatch.setattr(module, "_stored", lambda matrix, tensor: stored(0.9 * matrix, tensor))
    broken = run(from_graph(frozen.function, lambda _: None, UNSEEN), pictures)
    assert np.abs(broken - whole).max() > 0.01


def test_what_the_converter_changes_it_sees(frozen, monkeypatch):
    """Marks that do not come out as they went in: the network is converted whole."""
    expected = from_graph(frozen.function, lambda _: None, SEEN)
    monkeypatch.setattr(module, "_mark", lambda model, tensor: None)
    assert from_graph(frozen.function, lambda _: None, UNSEEN) == expected
