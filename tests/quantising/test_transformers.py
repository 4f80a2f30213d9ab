"""Transformers at int8: matrices that are rounded for what goes into them."""

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import tf_keras
from ai_edge_litert.interpreter import Interpreter
from vit_specs import randomised_vit, vit_pixels, vit_spec

from edgeconv.architectures import build, export_form
from edgeconv.calibration import generated_calibration
from edgeconv.classifier import load_classifier
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.normalising import normalise
from edgeconv.progress import Silent
from edgeconv.quantising import quantisable
from edgeconv.quantising.fusing import fused
from edgeconv.quantising.reconstruction import reconstruct
from edgeconv.quantising.smoothing import smooth
from edgeconv.targets import Form, Options
from edgeconv.targets.onnx import OnnxConverter
from edgeconv.targets.tflite import TFLiteConverter
from edgeconv.training import recipe_of
from edgeconv.training.data import open_dataset

SIZE = (64, 64)
CALIBRATION, OTHERS = np.split(vit_pixels(64, SIZE), [40])


@pytest.fixture(scope="module")
def network():
    return KerasNetwork(randomised_vit(build(vit_spec(SIZE))))


@pytest.fixture(scope="module")
def rounded(network):
    classifier = SimpleNamespace(spec=vit_spec(SIZE), network=network)
    return quantisable(classifier, CALIBRATION, Silent())


@pytest.fixture(scope="module")
def frozen(network):
    return network.freeze(vit_spec(SIZE))


@pytest.fixture(scope="module")
def expected(frozen):
    scores = frozen.scores(OTHERS)
    assert scores.std(axis=0).min() > 0.01
    return scores


def litert(path, pictures):
    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for picture in pictures:
        interpreter.set_tensor(image["index"], picture[None].astype(np.float32))
        interpreter.invoke()
        found.append(interpreter.get_tensor(scores["index"])[0])
    return np.stack(found)


def onnx_runtime(path, pictures):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tensors = pictures.transpose(0, 3, 1, 2)[:, None].astype(np.float32)
    return np.concatenate([session.run(None, {"image": tensor})[0] for tensor in tensors])


def dense_kernels(model):
    return {
        layer.name: layer.get_weights()[0]
        for layer in model.layers
        if type(layer) is tf_keras.layers.Dense
    }


def test_every_matrix_lies_on_the_grid_that_a_quantiser_finds(network):
    spec = vit_spec(SIZE)
    model = fused(export_form(spec, network.model))
    pictures = normalise(CALIBRATION, spec.input)
    reconstruct(model, pictures, Silent(), all_in_integers=False)
    kernels = dense_kernels(model)
    assert len(kernels) == 3 * 6 + 1
    for name, kernel in kernels.items():
        step = np.abs(kernel).max(axis=0) / 127
        assert kernel / step == pytest.approx(np.rint(kernel / step), abs=1e-3), name


def test_smoothing_changes_no_score_and_lets_rows_reach_less_far(network):
    spec = vit_spec(SIZE)
    model = fused(export_form(spec, network.model))
    gamma = model.get_layer("block_01_norm2").get_weights()[0]
    gamma[3] *= 50  # a channel that sets the step of all
    model.get_layer("block_01_norm2").set_weights(
        [gamma, *model.get_layer("block_01_norm2").get_weights()[1:]]
    )
    pictures = normalise(CALIBRATION, spec.input)
    before, spread = model.predict(pictures, verbose=0), reach(model, pictures)
    smooth(model, pictures)
    assert model.predict(pictures, verbose=0) == pytest.approx(before, abs=2e-5)
    for name, ratio in reach(model, pictures).items():
        assert ratio < spread[name], name


def reach(model, pictures):
    """How much farther the farthest channel reaches than the middle one, of what is smoothed."""
    names = [
        f"block_0{block}_{part}" for block in range(3) for part in ("norm1", "norm2", "attention")
    ]
    values = tf_keras.Model(model.input, [model.get_layer(name).output for name in names])(pictures)
    farthest = [np.abs(value).max(axis=0) for value in values]
    return {name: far.max() / np.median(far) for name, far in zip(names, farthest, strict=True)}


def test_the_original_is_left_as_it_is(network, rounded, expected):
    assert network.freeze(vit_spec(SIZE)).scores(OTHERS) == pytest.approx(expected, abs=1e-6)
    assert np.abs(rounded.scores(OTHERS) - expected).max() > 1e-4


def mean_error(converter, quantised, frozen, calibration, others, path):
    options = Options(calibration=calibration, quantisable=quantised)
    converter(frozen, options).write(Form(path.suffix[1:], "int8", path.suffix), path)
    run = litert if path.suffix == ".tflite" else onnx_runtime
    return np.abs(run(path, others) - frozen.scores(others)).mean()


def test_errors_are_smaller_than_those_of_nearest_rounding(frozen, rounded, tmp_path):
    errors = [
        mean_error(TFLiteConverter, how, frozen, CALIBRATION, OTHERS, tmp_path / "made.tflite")
        for how in (None, rounded)
    ]
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.slow
def test_a_trained_transformer_gains_in_both_formats(tmp_path):
    classifier = load_classifier("demo-vit")
    frozen = classifier.freeze()
    held_out = open_dataset(classifier.spec, None, recipe_of(classifier.spec).generated).held_out
    others = np.stack([held_out.inputs(number, 0) for number in range(0, len(held_out.labels), 3)])
    calibration = generated_calibration(classifier.spec.pictures.preprocessing).inputs
    ready = quantisable(classifier, calibration, Silent())
    for converter, name in ((TFLiteConverter, "made.tflite"), (OnnxConverter, "made.onnx")):
        errors = [
            mean_error(converter, how, frozen, calibration, others, tmp_path / name)
            for how in (None, ready)
        ]
        assert errors[1] < 0.95 * errors[0], name
