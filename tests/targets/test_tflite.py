import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgeconv.artifact import open_artifact
from edgeconv.parity.results import Verdict


@pytest.fixture(scope="module")
def details(demo_run):
    def read(precision):
        interpreter = Interpreter(str(demo_run.out / f"Demo.{precision}.tflite"))
        return interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    return read


@pytest.mark.parametrize("precision", ["fp32", "fp16", "dynamic", "int8"])
def test_tensors_have_sensible_names(details, precision):
    image, scores = details(precision)
    assert (image["name"], scores["name"]) == ("image", "scores")
    assert image["shape"].tolist() == [1, 224, 224, 3]


def test_int8_takes_pixels_as_they_are(details):
    image, scores = details("int8")
    assert image["dtype"] == scores["dtype"] == np.uint8
    assert image["quantization"] == (1.0, 0)


def test_the_contract_says_what_an_integer_score_means(demo_run, details):
    output = open_artifact(demo_run.out / "Demo.int8.tflite").contract.output
    _, scores = details("int8")
    assert (output.scale, output.zero_point) == pytest.approx(scores["quantization"])
    assert output.score_step == pytest.approx(1 / 256)


def test_sizes_shrink_as_promised(demo_run):
    size = {entry.path: entry.bytes for entry in demo_run.manifest.artifacts}
    assert size["Demo.fp16.tflite"] < 0.55 * size["Demo.fp32.tflite"]
    assert size["Demo.int8.tflite"] < 0.35 * size["Demo.fp32.tflite"]


@pytest.mark.slow
def test_dynamic_is_judged(verified_run):
    assert verified_run["Demo.dynamic.tflite"].verdict is Verdict.PASS
