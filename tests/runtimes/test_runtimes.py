import numpy as np
import pytest

from edgeconv.contract import EmbeddingTensor, InputTensor
from edgeconv.errors import ArtifactError, CannotRunHere, UnknownName
from edgeconv.runtimes import Signature, as_contracted, as_declared, litert, open_runtime

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def contract(**changes):
    return InputTensor(
        **{
            "size": (2, 3),
            "name": "image",
            "shape": (1, 2, 3, 3),
            "dtype": "float32",
            "layout": "NHWC",
            **changes,
        }
    )


def test_tensors_are_laid_out_as_the_file_declares():
    tensor = as_declared(PIXELS, Signature((1, 3, 2, 3), "float32", "NCHW"))
    assert tensor.shape == (1, 3, 2, 3)
    assert tensor.dtype == np.float32
    assert tensor[0, 2, 1, 0] == PIXELS[1, 0, 2]


def test_tensors_are_coloured_and_ranged_as_the_contract_says():
    assert np.array_equal(as_contracted(PIXELS, contract(colour="BGR"))[0], PIXELS[..., ::-1])
    ranged = as_contracted(PIXELS, contract(range=(-1.0, 1.0)))
    assert ranged[0] == pytest.approx(PIXELS / 127.5 - 1, abs=1e-6)
    assert as_contracted(PIXELS, contract(dtype="uint8")).dtype == np.uint8


def test_rows_are_a_batch_of_one():
    row = np.arange(4, dtype=np.float16)
    declared = as_declared(row, Signature((1, 4), "float32", "row"))
    contracted = as_contracted(row, EmbeddingTensor(length=4, name="embedding", shape=(1, 4)))
    for tensor in (declared, contracted):
        assert (tensor.shape, tensor.dtype) == ((1, 4), np.float32)
        assert np.array_equal(tensor[0], row)


@pytest.mark.parametrize("name", ["Demo.fp32.onnx", "Demo.int8.tflite", "Demo.fp16.tflite"])
def test_each_runtime_reads_labels_and_shape_from_the_file(demo_run, name):
    runtime = open_runtime(demo_run.out / name)
    assert runtime.labels == ("Dots", "Rings", "Stripes")
    assert sorted(runtime.signature.shape) == [1, 3, 224, 224]
    scores = runtime.run(np.zeros(runtime.signature.shape, runtime.signature.dtype))
    assert scores.shape == (3,)
    assert scores.dtype == np.float32
    assert scores.sum() == pytest.approx(1, abs=0.01)


def test_litert_falls_back(demo_run, monkeypatch):
    monkeypatch.setattr(
        litert, "INTERPRETERS", (("nowhere", "nothing", "None"), *litert.INTERPRETERS[2:])
    )
    assert open_runtime(demo_run.out / "Demo.fp32.tflite").description.startswith("tensorflow")
    monkeypatch.setattr(litert, "INTERPRETERS", ())
    with pytest.raises(CannotRunHere, match="no TFLite runtime"):
        open_runtime(demo_run.out / "Demo.fp32.tflite")


def test_a_broken_file_is_a_typed_error(tmp_path):
    for name in ("x.onnx", "x.tflite"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(ArtifactError):
            open_runtime(tmp_path / name)


def test_an_unknown_kind_of_file_lists_the_known(tmp_path):
    with pytest.raises(UnknownName, match=r"'\.pb'"):
        open_runtime(tmp_path / "x.pb")
