import pytest

from edgeconv.errors import UnknownName, UsageError
from edgeconv.targets import FORMS, select_forms


def names(forms):
    return [form.file_name("NSFW") for form in forms]


def test_the_usual_nine():
    assert names(select_forms(["all"], [])) == [
        "NSFW.mlmodel",
        "NSFW.mlpackage",
        "NSFW.fp32.tflite",
        "NSFW.fp16.tflite",
        "NSFW.dynamic.tflite",
        "NSFW.int8.tflite",
        "NSFW.fp32.onnx",
        "NSFW.fp16.onnx",
        "NSFW.int8.onnx",
    ]


def test_a_transformer_has_no_full_integers_and_no_mlmodel():
    assert names(select_forms(["all"], [], "transformer")) == [
        "NSFW.mlpackage",
        "NSFW.fp32.tflite",
        "NSFW.fp16.tflite",
        "NSFW.dynamic.tflite",
        "NSFW.fp32.onnx",
        "NSFW.fp16.onnx",
        "NSFW.dynamic.onnx",
    ]


def test_dense_layers_over_embeddings_stay_in_float():
    assert names(select_forms(["all"], [], "dense")) == [
        "NSFW.mlmodel",
        "NSFW.mlpackage",
        "NSFW.fp32.tflite",
        "NSFW.fp16.tflite",
        "NSFW.fp32.onnx",
        "NSFW.fp16.onnx",
    ]


def test_what_is_asked_for_is_made_for_every_family():
    for family in ("convolutional", "transformer", "dense"):
        assert names(select_forms(["onnx"], ["dynamic"], family)) == ["NSFW.dynamic.onnx"]


def test_no_two_forms_share_a_name():
    assert len(set(names(FORMS))) == len(FORMS)


def test_lists_choose():
    assert names(select_forms(["tflite", "onnx"], ["int8"])) == [
        "NSFW.int8.tflite",
        "NSFW.int8.onnx",
    ]


def test_all_passes_over_targets_without_the_precision():
    assert names(select_forms(["all"], ["dynamic"])) == ["NSFW.dynamic.tflite", "NSFW.dynamic.onnx"]


def test_a_named_target_without_the_precision_is_refused():
    with pytest.raises(UsageError, match="coreml has no precision int8"):
        select_forms(["coreml", "onnx"], ["int8"])


def test_what_is_unknown_lists_what_is_known():
    with pytest.raises(UnknownName, match="'onnxx'"):
        select_forms(["onnxx"], [])
    with pytest.raises(UnknownName, match="'int4'"):
        select_forms(["onnx"], ["int4"])
