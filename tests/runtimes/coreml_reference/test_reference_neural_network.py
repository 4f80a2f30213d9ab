"""NeuralNetwork layers: coremltools writes the same program in both formats; both must agree."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference import load

rng = np.random.default_rng(13)
SHAPE = (1, 4, 6, 8)


def weights(*shape: int) -> Any:
    return rng.uniform(0.3, 1.3, shape).astype(np.float32)


def save_neural_network(path: Path, build: Callable[..., Any], shape: tuple[int, ...]) -> None:
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    with contextlib.redirect_stderr(io.StringIO()):
        program = mb.program(input_specs=[mb.TensorSpec(shape=shape)])(lambda x0: build(mb, x0))
        ct.convert(program, convert_to="neuralnetwork").save(str(path))


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "conv same": lambda mb, x: mb.conv(
        x=x, weight=weights(6, 4, 3, 3), bias=weights(6), pad_type="same", strides=[2, 1]
    ),
    "conv grouped": lambda mb, x: mb.conv(
        x=x, weight=weights(4, 1, 2, 2), groups=4, pad_type="custom", pad=[1, 0, 0, 1]
    ),
    "conv dilated": lambda mb, x: mb.conv(
        x=x, weight=weights(2, 4, 3, 3), dilations=[2, 2], pad_type="valid"
    ),
    "conv_transpose": lambda mb, x: mb.conv_transpose(
        x=x, weight=weights(4, 3, 3, 3), bias=weights(3), strides=[2, 2], pad_type="valid"
    ),
    "max_pool": lambda mb, x: mb.max_pool(
        x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="custom", pad=[1, 1, 1, 1]
    ),
    "max_pool ceil": lambda mb, x: mb.max_pool(
        x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="valid", ceil_mode=True
    ),
    "avg_pool": lambda mb, x: mb.avg_pool(
        x=x, kernel_sizes=[3, 2], strides=[2, 2], pad_type="same"
    ),
    "avg_pool excluding": lambda mb, x: mb.avg_pool(
        x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type="same",
        exclude_padding_from_average=True,
    ),
    "global": lambda mb, x: mb.reduce_mean(x=x, axes=[2, 3], keep_dims=True),
    "linear": lambda mb, x: mb.linear(
        x=mb.reduce_mean(x=x, axes=[2, 3]), weight=weights(5, 4), bias=weights(5)
    ),
    "linear at rank 4": lambda mb, x: mb.linear(x=x, weight=weights(5, 8), bias=weights(5)),
    "matmul": lambda mb, x: mb.matmul(x=x, y=x, transpose_y=True),
    "batch_norm": lambda mb, x: mb.batch_norm(
        x=x, mean=weights(4), variance=weights(4), gamma=weights(4), beta=weights(4)
    ),
    "instance_norm": lambda mb, x: mb.instance_norm(x=x, gamma=weights(4), beta=weights(4)),
    "layer_norm": lambda mb, x: mb.layer_norm(
        x=mb.reduce_sum(x=x, axes=[1]), axes=[-1], gamma=weights(8), beta=weights(8)
    ),
    "layer_norm of many axes": lambda mb, x: mb.layer_norm(x=x, axes=[2, 3]),
    "l2_norm": lambda mb, x: mb.l2_norm(x=x),
    "local_response_norm": lambda mb, x: mb.local_response_norm(x=x, size=3, alpha=0.5),
    "softmax": lambda mb, x: mb.softmax(x=x, axis=-1),
    "softmax of channels": lambda mb, x: mb.softmax(x=x, axis=1),
    "prelu": lambda mb, x: mb.prelu(x=x, alpha=weights(4)),
    "elu": lambda mb, x: mb.elu(x=x, alpha=0.5),
    "leaky_relu": lambda mb, x: mb.leaky_relu(x=x, alpha=0.1),
    "sigmoid_hard": lambda mb, x: mb.sigmoid_hard(x=x, alpha=0.2, beta=0.4),
    "scaled_tanh": lambda mb, x: mb.scaled_tanh(x=x, alpha=2.0, beta=0.4),
    "thresholded_relu": lambda mb, x: mb.thresholded_relu(x=x, alpha=0.3),
    "clamped_relu": lambda mb, x: mb.clamped_relu(x=x, alpha=0.3, beta=1.0),
    "softplus_parametric": lambda mb, x: mb.softplus_parametric(
        x=x, alpha=weights(4), beta=weights(4)
    ),
    "gelu": lambda mb, x: mb.gelu(x=x, mode="TANH_APPROXIMATION"),
    "relu6": lambda mb, x: mb.relu6(x=mb.mul(x=x, y=5.0)),
    "silu": lambda mb, x: mb.silu(x=x),
    "erf": lambda mb, x: mb.erf(x=x),
    "rsqrt": lambda mb, x: mb.rsqrt(x=mb.abs(x=x), epsilon=0.1),
    "inverse": lambda mb, x: mb.inverse(x=mb.exp(x=x), epsilon=0.1),
    "log": lambda mb, x: mb.log(x=mb.exp(x=x)),
    "pow": lambda mb, x: mb.pow(x=mb.abs(x=x), y=1.5),
    "clip": lambda mb, x: mb.clip(x=x, alpha=-0.5, beta=0.5),
    "threshold": lambda mb, x: mb.threshold(x=x, alpha=0.2),
    "arithmetic": lambda mb, x: mb.real_div(
        x=mb.sub(x=mb.mul(x=x, y=weights(4, 1, 1)), y=2.0), y=mb.add(x=mb.exp(x=x), y=1.0)
    ),
    "maximum": lambda mb, x: mb.maximum(x=x, y=mb.minimum(x=0.5, y=mb.square(x=x))),
    "floor_div": lambda mb, x: mb.floor_div(x=x, y=0.3),
    "mod": lambda mb, x: mb.mod(x=x, y=0.7),
    "select": lambda mb, x: mb.select(cond=mb.greater(x=x, y=0.2), a=x, b=mb.cos(x=x)),
    "logic": lambda mb, x: mb.select(
        cond=mb.logical_and(x=mb.greater(x=x, y=0.0), y=mb.less_equal(x=x, y=1.0)),
        a=x,
        b=mb.tanh(x=x),
    ),
    "pad": lambda mb, x: mb.pad(x=x, pad=[1, 2, 0, 1], mode="reflect"),
    "pad all axes": lambda mb, x: mb.pad(
        x=x, pad=[0, 1, 1, 0, 1, 0, 0, 2], mode="constant", constant_val=0.5
    ),
    "upsample": lambda mb, x: mb.upsample_bilinear(
        x=x, scale_factor_height=2.0, scale_factor_width=2.0, align_corners=False
    ),
    "upsample aligned": lambda mb, x: mb.upsample_bilinear(
        x=x, scale_factor_height=2.0, scale_factor_width=3.0, align_corners=True
    ),
    "upsample nearest": lambda mb, x: mb.upsample_nearest_neighbor(
        x=x, scale_factor_height=2.0, scale_factor_width=2.0
    ),
    "resize": lambda mb, x: mb.resize_bilinear(
        x=x, target_size_height=5, target_size_width=11, sampling_mode="ALIGN_CORNERS"
    ),
    "crop": lambda mb, x: mb.crop(x=x, crop_height=[1, 0], crop_width=[0, 2]),
    "reshape": lambda mb, x: mb.reshape(x=x, shape=[1, 8, -1]),
    "transpose": lambda mb, x: mb.transpose(x=x, perm=[0, 2, 3, 1]),
    "expand and squeeze": lambda mb, x: mb.squeeze(
        x=mb.expand_dims(x=mb.reduce_max(x=x, axes=[1]), axes=[3]), axes=[0]
    ),
    "concat": lambda mb, x: mb.concat(values=[x, mb.exp(x=x)], axis=1),
    "stack": lambda mb, x: mb.stack(values=[x, mb.exp(x=x)], axis=2),
    "split": lambda mb, x: mb.split(x=x, num_splits=2, axis=1)[1],
    "split sizes": lambda mb, x: mb.split(x=x, split_sizes=[1, 3], axis=1)[1],
    "tile": lambda mb, x: mb.tile(x=x, reps=[1, 2, 1, 2]),
    "reverse": lambda mb, x: mb.reverse(x=x, axes=[1, 3]),
    "slice": lambda mb, x: mb.slice_by_index(
        x=x, begin=[0, 1, 0, 7], end=[1, 4, 6, 0], stride=[1, 2, 1, -2],
        end_mask=[False, False, True, False],
    ),
    "slice squeezed": lambda mb, x: mb.slice_by_index(
        x=x, begin=[0, 2, 0, 0], end=[1, 3, 6, 8], squeeze_mask=[False, True, False, False]
    ),
    "gather": lambda mb, x: mb.gather(x=x, indices=[3, 1], axis=1),
    "depth_to_space": lambda mb, x: mb.depth_to_space(x=x, block_size=2),
    "space_to_depth": lambda mb, x: mb.space_to_depth(x=x, block_size=2),
    "pixel_shuffle": lambda mb, x: mb.pixel_shuffle(x=x, upscale_factor=2),
    "band_part": lambda mb, x: mb.band_part(x=x, lower=1, upper=2),
    "cumsum": lambda mb, x: mb.cumsum(x=x, axis=2, exclusive=True),
    "topk": lambda mb, x: mb.topk(x=x, k=2, axis=1)[0],
    "argmax": lambda mb, x: mb.mul(x=mb.cast(x=mb.reduce_argmax(x=x, axis=1), dtype="fp32"), y=1.0),
    **{
        name: lambda mb, x, name=name: getattr(mb, name)(x=mb.abs(x=x), axes=[1, 3])
        for name in (
            "reduce_l1_norm", "reduce_l2_norm", "reduce_log_sum", "reduce_log_sum_exp",
            "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum",
            "reduce_sum_square",
        )
    },
}  # fmt: skip


def test_layers_agree_with_the_ml_program(tmp_path: Path, save_mil: Callable[..., None]) -> None:
    global rng  # noqa: PLW0603
    predictions = []
    x = np.random.default_rng(2).uniform(-2, 2, SHAPE).astype(np.float32)

    def build(mb: Any, x: Any) -> tuple[Any, ...]:
        return tuple(
            mb.identity(x=case(mb, x), name=f"case_{number}")
            for number, case in enumerate(CASES.values())
        )

    for path, save in (
        (tmp_path / "network.mlmodel", lambda path: save_neural_network(path, build, SHAPE)),
        (tmp_path / "program.mlpackage", lambda path: save_mil(path, build, [SHAPE], "iOS15")),
    ):
        rng = np.random.default_rng(13)  # the same weights for both
        save(path)
        for executor in ("onnx", "numpy"):
            predictions.append(load(path, executor=executor).predict({"x0": x}))  # type: ignore[arg-type]

    network, network_oracle, program, _ = predictions
    for number, name in enumerate(CASES):
        key = f"case_{number}"
        oracle = np.asarray(network_oracle[key])
        np.testing.assert_allclose(network[key], oracle, atol=2e-5, err_msg=name)
        expected = np.asarray(program[key])
        np.testing.assert_allclose(
            oracle.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4, err_msg=name
        )


def built(
    path: Path, add_layers: Callable[[Any], None], shape: tuple[int, ...], **options: Any
) -> Any:
    """A network made with coremltools' NeuralNetworkBuilder; gives its specification."""
    from coremltools.models import datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder
    from coremltools.models.utils import save_spec

    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(*shape))], [("y", None)], disable_rank5_shape_mapping=True
    )
    add_layers(builder)
    if options:
        builder.set_pre_processing_parameters(**options)
    save_spec(builder.spec, str(path))
    return builder.spec


def a_convolution_and_a_product(builder: Any) -> None:
    kernel, matrix = rng.normal(0, 1, (3, 3, 4, 6)), rng.normal(0, 1, (5, 6))
    builder.add_convolution(
        "conv",
        4,
        6,
        3,
        3,
        1,
        1,
        "same",
        1,
        kernel,
        weights(6),
        True,
        input_name="x",
        output_name="c",
    )
    builder.add_reduce_mean("mean", "c", "m", axes=[2, 3], keepdims=False)
    builder.add_inner_product("fc", matrix, weights(5), 6, 5, True, "m", "y")  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "mode"),
    [*product(range(1, 9), ["linear", "linear_lut"]), (8, "linear_symmetric"), (16, "linear")],
)
def test_quantised_weights_decode_as_coremltools_does(bits: int, mode: str, tmp_path: Path) -> None:
    """k-means tables are the same form as linear ones, and coremltools 9.0 cannot make them with
    numpy 2.4."""
    import coremltools as ct
    from coremltools.models.neural_network import quantization_utils

    spec = built(tmp_path / "plain.mlmodel", a_convolution_and_a_product, (1, 4, 6, 6))
    with contextlib.redirect_stdout(io.StringIO()):
        quantised = quantization_utils.quantize_weights(
            ct.models.MLModel(spec, skip_model_load=True), bits, mode
        )
    spec = quantised.get_spec() if isinstance(quantised, ct.models.MLModel) else quantised
    path = tmp_path / "quantised.mlmodel"
    path.write_bytes(spec.SerializeToString())

    ours = {constant.name: constant for constant in load(path).program.constants()}
    kernel, matrix = ours["conv.weights"], ours["fc.weights"]
    network = spec.neuralNetwork
    for found, message, shape in (
        (kernel, network.layers[0].convolution.weights, (6, 4, 3, 3)),
        (matrix, network.layers[2].innerProduct.weights, (5, 6)),
    ):
        if bits == 16:
            expected = np.frombuffer(message.float16Value, np.float16).reshape(shape)
            assert found.precision == "fp16"
        else:
            quantization_utils._dequantize_wp(message, shape)
            expected = np.array(message.floatValue, np.float32).reshape(shape)
            kind = "palettised" if mode == "linear_lut" else "linear"
            assert found.precision == f"{kind} {bits} bit"
        assert found.stored.tobytes() == expected.tobytes()


def test_first_core_ml_mapping_of_arrays(tmp_path: Path) -> None:
    """Without exact mapping an array ``(C, H, W)`` stands for channels of one picture."""
    path = tmp_path / "old.mlmodel"
    spec = built(path, a_convolution_and_a_product, (4, 6, 6))
    spec.neuralNetwork.arrayInputShapeMapping = 0
    path.write_bytes(spec.SerializeToString())
    x = rng.normal(0, 1, (4, 6, 6)).astype(np.float32)
    new = tmp_path / "new.mlmodel"
    spec.neuralNetwork.arrayInputShapeMapping = 1
    spec.description.input[0].type.multiArrayType.shape[:] = [1, 4, 6, 6]
    new.write_bytes(spec.SerializeToString())
    np.testing.assert_array_equal(
        load(path).predict({"x": x})["y"], load(new).predict({"x": x[None]})["y"]
    )


@pytest.mark.parametrize("bgr", [False, True])
def test_image_preprocessing(tmp_path: Path, bgr: bool) -> None:
    path = tmp_path / "image.mlmodel"
    built(
        path,
        lambda builder: builder.add_activation("copy", "LINEAR", "x", "y", params=[1.0, 0.0]),
        (3, 4, 5),
        image_input_names=["x"],
        is_bgr=bgr,
        red_bias=1.0,
        green_bias=2.0,
        blue_bias=3.0,
        image_scale=0.5,
    )
    pixels = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    expected = pixels.astype(np.float32) * 0.5 + np.array([1, 2, 3], np.float32)
    planes = (expected[..., ::-1] if bgr else expected).transpose(2, 0, 1)[None]
    for executor in ("onnx", "numpy"):
        found = load(path, executor=executor).predict({"x": pixels})["y"]  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, planes)


def test_an_unknown_layer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "unknown.mlmodel"
    built(path, lambda builder: builder.add_get_shape("sizes", "x", "y"), (3, 4, 5))
    with pytest.raises(ArtifactError, match="'sizes'") as caught:
        load(path)
    assert caught.value.got == ("getShape",)
    assert "convolution" in caught.value.expected[0]


def test_truncated_weights_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "short.mlmodel"
    spec = built(path, a_convolution_and_a_product, (1, 4, 6, 6))
    del spec.neuralNetwork.layers[0].convolution.weights.floatValue[-1]
    path.write_bytes(spec.SerializeToString())
    with pytest.raises(ArtifactError, match=r"conv\.weights"):
        load(path)


def test_rounding_leaves_truth_values_alone(tmp_path: Path) -> None:
    """Inside a lowered layer there are truth values and integers, which fp16 cannot round."""
    path = tmp_path / "network.mlmodel"

    def build(mb: Any, x: Any) -> Any:
        chosen = mb.select(cond=mb.greater(x=x, y=0.2), a=x, b=mb.cos(x=x))
        return mb.gather(x=chosen, indices=[3, 1], axis=1)

    save_neural_network(path, build, SHAPE)
    x = {"x0": np.random.default_rng(2).uniform(-2, 2, SHAPE).astype(np.float32)}
    fast, oracle = (
        load(path, mode="fp16", executor=executor).predict(x)  # type: ignore[arg-type]
        for executor in ("onnx", "numpy")
    )
    for name, values in fast.items():
        np.testing.assert_array_equal(values, oracle[name])
        np.testing.assert_array_equal(values, np.float16(values))
