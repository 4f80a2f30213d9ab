"""The vision transformer drawn in ONNX has the weights and the scores of the one built in Keras."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from vit_specs import randomised_vit, vit_pixels, vit_spec

from edgeconv.architectures.vit import build
from edgeconv.architectures.vit_onnx import onnx_model, weight_shapes
from edgeconv.checkpoints.fitting import weighted_layers
from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.networks.drawn_network import DrawnNetwork
from edgeconv.normalising import normalise
from edgeconv.spec import ModelSpec
from edgeconv.targets import FORMS, Options, converter

VARIANTS: dict[str, dict[str, Any]] = {
    "Hugging Face": {"eps": 1e-12},
    "one block": {"depth": 1},
    "one head": {"heads": 1, "width": 32},
    "tanh GELU": {"activation": "gelu_tanh"},
    "CLIP": {
        **{"pre_norm": True, "patch_bias": False, "activation": "quick_gelu"},
        **{"projection": 20, "eps": 1e-5},
    },
    "no bias of queries": {"qkv_bias": False},
    "mean of the patches": {"pool": "mean"},
    "mean, then normalised": {"pool": "mean", "norm": "after_pool"},
    "without a class token": {"pool": "mean", "class_token": False},
    "other pictures": {"size": (48, 16), "patch": 16},
    "one logit": {"labels": 2, "kind": "sigmoid"},
    "many labels": {"kind": "multi-label"},
    "no activation": {"labels": 2, "kind": "linear"},
}


def tensors_of(model: Any) -> dict[str, NDArray[np.float32]]:
    return {
        f"{layer.name}/{name}": value
        for layer in weighted_layers(model)
        for (name, _), value in zip(
            layer.weights, model.get_layer(layer.name).get_weights(), strict=True
        )
    }


def run(model: OnnxModel, pixels: NDArray[np.uint8], folder: Path) -> Any:
    model.write(folder / "drawn.onnx")
    session = onnxruntime.InferenceSession(
        folder / "drawn.onnx", providers=["CPUExecutionProvider"]
    )
    planar = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    return np.concatenate([session.run(["scores"], {"image": one[None]})[0] for one in planar])


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_scores_as_keras_does(variant: str, tmp_path: Path) -> None:
    spec = vit_spec(**VARIANTS[variant])
    model = randomised_vit(build(spec))
    tensors = tensors_of(model)
    pixels = vit_pixels(6, spec.pictures.size)
    expected = model.predict_on_batch(normalise(pixels, spec.input))
    assert expected.std(axis=0).min() > 1e-3

    assert weight_shapes(spec) == {name: tensor.shape for name, tensor in tensors.items()}
    drawn = onnx_model(spec, tensors)
    onnx.checker.check_model(drawn.proto, full_check=True)
    np.testing.assert_allclose(run(drawn, pixels, tmp_path), expected, atol=1e-5)


@pytest.fixture(scope="module")
def small() -> tuple[ModelSpec, dict[str, NDArray[np.float32]]]:
    spec = vit_spec()
    return spec, tensors_of(randomised_vit(build(spec)))


@pytest.mark.parametrize("name", ["block_01_query/kernel", "positions/positions", "norm/beta"])
def test_every_weight_counts(name: str, small: Any, tmp_path: Path) -> None:
    spec, tensors = small
    pixels = vit_pixels(4, spec.pictures.size)
    whole = run(onnx_model(spec, tensors), pixels, tmp_path)
    broken = {**tensors, name: np.zeros_like(tensors[name])}
    assert np.abs(run(onnx_model(spec, broken), pixels, tmp_path) - whole).max() > 1e-3


def test_it_is_made_of_fused_operations(small: Any) -> None:
    spec, tensors = small
    found = Counter(node.op_type for node in onnx_model(spec, tensors).proto.graph.node)
    assert (found["LayerNormalization"], found["Gemm"]) == (3 * 2 + 1, 3 * 6 + 1)
    assert (found["MatMul"], found["Softmax"], found["Erf"]) == (3 * 2, 3 + 1, 3)


def test_float16_files_know_by_the_layer_what_stays_float32(tmp_path: Path) -> None:
    spec = vit_spec(labels=2, kind="sigmoid")
    network = DrawnNetwork(spec, tensors_of(randomised_vit(build(spec))))
    (form,) = (form for form in FORMS if (form.target, form.precision) == ("onnx", "fp16"))
    converter("onnx")(network.freeze(spec), Options()).write(form, tmp_path / "half.onnx")
    graph = onnx.load(tmp_path / "half.onnx").graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    (complement,) = (node for node in graph.node if node.name == "vit/both_scores/Sub")
    assert types["block_00_up/kernel"] == onnx.TensorProto.FLOAT16
    assert types[complement.input[0]] == onnx.TensorProto.FLOAT


WITHOUT_TENSORFLOW = """
import sys
from pathlib import Path
import numpy as np
from vit_specs import vit_spec
from edgeconv.architectures import draw, drawn_weights
from edgeconv.networks.drawn_network import DrawnNetwork
from edgeconv.targets import FORMS, Options, converter

spec = vit_spec()
tensors = {name: np.ones(shape, np.float32) for name, shape in drawn_weights(spec).items()}
form = next(form for form in FORMS if (form.target, form.precision) == ("onnx", "fp32"))
made = converter("onnx")(DrawnNetwork(spec, tensors).freeze(spec), Options())
made.write(form, Path(sys.argv[1]))
loaded = {name.partition(".")[0] for name in sys.modules}
assert loaded.isdisjoint({"tensorflow", "tf_keras", "keras", "tf2onnx"}), loaded
"""


def test_tensorflow_is_not_imported(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, tmp_path / "drawn.onnx"],
        check=True,
        env={"PYTHONPATH": ":".join(["", str(Path(__file__).parents[1]), *sys.path])},
    )
    assert (tmp_path / "drawn.onnx").is_file()
