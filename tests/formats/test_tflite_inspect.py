"""A file is what it holds, whatever was asked for."""

from __future__ import annotations

import pytest

from edgeconv.errors import ArtifactError
from edgeconv.formats.tflite_flatbuffer import pack, unpack
from edgeconv.formats.tflite_inspect import (
    IoQuantisation,
    Quantisation,
    io_quantisation,
    read_precision,
)

Files = dict[str, bytes]


@pytest.mark.parametrize(
    ("kind", "weight_type", "activation_type", "float_ops", "float_products"),
    [
        ("fp32", "float32", "float32", 1.0, 1.0),
        ("fp16", "float16", "float32", 1.0, 1.0),
        ("dynamic", "int8", "float32", 1.0, 0.1222),  # the smallest layers stay in float
        ("int8", "int8", "int8", 0.0, 0.0),
        ("int16x8", "int8", "int16", 0.0, 0.0),
    ],
)
def test_every_kind_is_found_out(
    tflite_files: Files,
    kind: str,
    weight_type: str,
    activation_type: str,
    float_ops: float,
    float_products: float,
) -> None:
    found = read_precision(tflite_files[kind], asked=kind)

    assert (found.weight_type, found.activation_type) == (weight_type, activation_type)
    assert (found.float_ops, found.float_products) == (float_ops, float_products)
    assert found.weights[weight_type] > 0.8
    assert sum(found.weights.values()) == pytest.approx(1, abs=1e-3)


def test_a_float_file_asked_for_as_int8_is_float(tflite_files: Files) -> None:
    found = read_precision(tflite_files["fp32"], asked="int8")

    assert found.asked == "int8"
    assert (found.weight_type, found.weights, found.float_ops) == ("float32", {"float32": 1.0}, 1.0)


def test_weights_that_two_tensors_share_count_once(tflite_files: Files) -> None:
    model = unpack(tflite_files["fp32"])
    alone = read_precision(pack(model), asked="fp32")
    model.subgraphs[0].tensors.append(
        next(t for t in model.subgraphs[0].tensors if model.buffers[t.buffer].data is not None)
    )

    assert read_precision(pack(model), asked="fp32") == alone


def test_one_float_operator_among_integers_is_counted(tflite_files: Files) -> None:
    from ai_edge_litert.schema_py_generated import TensorType

    model = unpack(tflite_files["int8"])
    graph = model.subgraphs[0]
    computing = [op for op in graph.operators if len(op.inputs) == 3]
    graph.tensors[computing[0].outputs[0]].type = TensorType.FLOAT32

    assert 0 < read_precision(pack(model), asked="int8").float_ops < 0.5


def test_int8_pixels_are_quantised_and_float_pixels_are_not(tflite_files: Files) -> None:
    assert io_quantisation(tflite_files["fp16"]) == IoQuantisation(None, None)
    assert io_quantisation(tflite_files["int8"]) == IoQuantisation(
        input=Quantisation(1.0, 0), output=Quantisation(1 / 256, 0)
    )


def test_quantisation_is_that_of_the_runtime(tflite_files: Files) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite_files["int8"])
    found = IoQuantisation(
        input=Quantisation(*interpreter.get_input_details()[0]["quantization"]),
        output=Quantisation(*interpreter.get_output_details()[0]["quantization"]),
    )

    assert io_quantisation(tflite_files["int8"]) == found


def test_a_file_without_weights_is_refused(tflite_files: Files) -> None:
    model = unpack(tflite_files["fp32"])
    for tensor in model.subgraphs[0].tensors:
        tensor.buffer = 0

    with pytest.raises(ArtifactError, match="classifies nothing"):
        read_precision(pack(model), asked="fp32")


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x10\0\0\0TFL3"])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError, match="TFLite model"):
        read_precision(content, asked="fp32")
