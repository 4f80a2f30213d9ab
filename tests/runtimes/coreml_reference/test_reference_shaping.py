"""Shapes, slices, gathering, reductions, normalisation and resizing over their attributes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

rng = np.random.default_rng(11)
SHAPE = (2, 4, 6, 5)


def weights(*shape: int) -> Any:
    return rng.uniform(0.3, 1.3, shape).astype(np.float32)


def as_float(build: Callable[..., Any]) -> Callable[..., Any]:
    """A case whose result is integers, which leave a program as floats."""
    return lambda mb, *inputs: mb.cast(x=build(mb, *inputs), dtype="fp32")


def test_shapes_and_axes(run_cases: Callable[..., Any]) -> None:
    cases: dict[str, Callable[..., Any]] = {
        "reshape": lambda mb, x: mb.reshape(x=x, shape=[4, -1, 3]),
        "reshape keeping sizes": lambda mb, x: mb.reshape(x=x, shape=[0, 0, -1]),
        "flatten2d": lambda mb, x: mb.flatten2d(x=x, axis=2),
        "transpose": lambda mb, x: mb.transpose(x=x, perm=[0, -1, 1, 2]),
        "expand_dims": lambda mb, x: mb.expand_dims(x=mb.reduce_sum(x=x, axes=[1]), axes=[0, -1]),
        "squeeze": lambda mb, x: mb.squeeze(
            x=mb.reduce_sum(x=x, axes=[1, 3], keep_dims=True), axes=[1, -1]
        ),
        "squeeze all": lambda mb, x: mb.squeeze(x=mb.reduce_sum(x=x, axes=[1], keep_dims=True)),
        "shape": as_float(lambda mb, x: mb.shape(x=x)),
        "concat": lambda mb, x: mb.concat(values=[x, mb.exp(x=x)], axis=-2),
        "concat interleaved": lambda mb, x: mb.concat(
            values=[x, mb.exp(x=x)], axis=1, interleave=True
        ),
        "stack": lambda mb, x: mb.stack(values=[x, mb.exp(x=x)], axis=2),
        "stack at the end": lambda mb, x: mb.stack(
            values=[mb.reduce_sum(x=x, axes=[0]), mb.reduce_max(x=x, axes=[0])], axis=-1
        ),
        "split": lambda mb, x: mb.split(x=x, num_splits=2, axis=1)[1],
        "split sizes": lambda mb, x: mb.split(x=x, split_sizes=[1, 3, 2], axis=-2)[1],
        "tile": lambda mb, x: mb.tile(x=x, reps=[1, 2, 1, 3]),
        "reverse": lambda mb, x: mb.reverse(x=x, axes=[1, -1]),
        "reverse all": lambda mb, x: mb.reverse(x=x),
        "fill": lambda mb, x: mb.fill(shape=[2, 3], value=1.5),
        "fill_like": lambda mb, x: mb.fill_like(ref_tensor=x, value=2.5),
        "depth_to_space": lambda mb, x: mb.depth_to_space(x=x, block_size=2),
        "space_to_depth": lambda mb, x: mb.space_to_depth(
            x=mb.transpose(x=x, perm=[0, 3, 1, 2]), block_size=2
        ),
        "pixel_shuffle": lambda mb, x: mb.pixel_shuffle(x=x, upscale_factor=2),
        "pixel_unshuffle": lambda mb, x: mb.pixel_unshuffle(
            x=mb.transpose(x=x, perm=[0, 3, 1, 2]), downscale_factor=np.uint32(2)
        ),
    }
    run_cases(cases, SHAPE)


def test_pixel_shuffles_are_torchs_and_tensorflows(run_cases: Callable[..., Any]) -> None:
    import tensorflow as tf

    x = {"x0": rng.normal(0, 1, (1, 8, 3, 4)).astype(np.float32)}
    found = run_cases(
        {
            "depth_to_space": lambda mb, x: mb.depth_to_space(x=x, block_size=2),
            "pixel_shuffle": lambda mb, x: mb.pixel_shuffle(x=x, upscale_factor=2),
        },
        (1, 8, 3, 4),
        inputs=x,
    )
    nhwc = tf.nn.depth_to_space(x["x0"].transpose(0, 2, 3, 1), 2).numpy()
    np.testing.assert_array_equal(found["depth_to_space"], nhwc.transpose(0, 3, 1, 2))
    # torch.nn.functional.pixel_shuffle: out[c, h * r + i, w * r + j] = in[c * r * r + i * r + j]
    assert found["pixel_shuffle"][0, 1, 3, 4] == x["x0"][0, 4 + 2 * 1 + 0, 1, 2]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate"])
def test_pad(run_cases: Callable[..., Any], mode: str) -> None:
    extra = {"constant_val": 0.7} if mode == "constant" else {}
    cases: dict[str, Callable[..., Any]] = {
        "last axis": lambda mb, x: mb.pad(x=x, pad=[1, 2], mode=mode, **extra),
        "last two": lambda mb, x: mb.pad(x=x, pad=[0, 1, 2, 0], mode=mode, **extra),
    }
    if mode == "constant":
        cases["all"] = lambda mb, x: mb.pad(x=x, pad=[1, 0, 0, 1, 2, 0, 0, 3], mode=mode, **extra)
    run_cases(cases, SHAPE)


def test_slices(run_cases: Callable[..., Any]) -> None:
    def by_index(**arguments: Any) -> Callable[..., Any]:
        return lambda mb, x: mb.slice_by_index(x=x, **arguments)

    masks = {"begin_mask": [True, False, True, False], "end_mask": [False, True, True, False]}
    cases = {
        "plain": by_index(begin=[0, 1, 2, 0], end=[2, 3, 6, 4]),
        "negative": by_index(begin=[0, -3, -4, 0], end=[2, -1, -1, 5]),
        "strided": by_index(begin=[0, 0, 0, 0], end=[2, 4, 6, 5], stride=[1, 2, 3, 2]),
        "backwards": by_index(
            begin=[1, 3, 5, 4], end=[0, 0, 1, 1], stride=[-1, -1, -2, -1],
            end_mask=[True, False, True, False],
        ),
        "masked": by_index(begin=[1, 1, 1, 1], end=[1, 1, 1, 4], **masks),
        "squeezed": by_index(
            begin=[0, 2, -1, 0], end=[2, 3, 0, 5], squeeze_mask=[False, True, True, False]
        ),
        "by size": lambda mb, x: mb.slice_by_size(x=x, begin=[0, 1, 2, 0], size=[2, -1, 3, 2]),
        "crop": lambda mb, x: mb.crop(x=x, crop_height=[1, 0], crop_width=[2, 1]),
    }  # fmt: skip
    inputs = {"x0": rng.normal(0, 1, SHAPE).astype(np.float32)}
    found = run_cases(cases, SHAPE, inputs=inputs)
    x = inputs["x0"]
    np.testing.assert_array_equal(found["masked"], x[:1, 1:, :, 1:4])
    np.testing.assert_array_equal(found["backwards"], x[::-1, 3:0:-1, ::-2, 4:1:-1])
    np.testing.assert_array_equal(found["squeezed"], x[:, 2, -1, :])


def test_slice_update(run_cases: Callable[..., Any]) -> None:
    cases: dict[str, Callable[..., Any]] = {
        "update": lambda mb, x, y: mb.slice_update(
            x=x, update=y, begin=[0, 1, 0], end=[2, 3, 5], stride=[1, 1, 2]
        ),
    }
    run_cases(cases, (2, 4, 5), (2, 2, 3), target="iOS18")


def test_gathering_and_sorting(run_cases: Callable[..., Any]) -> None:
    chosen = np.array([[3, 0], [1, 2]], np.int32)
    along = rng.integers(0, 4, (2, 3, 6, 5)).astype(np.int32)
    cases: dict[str, Callable[..., Any]] = {
        "gather": lambda mb, x: mb.gather(x=x, indices=chosen, axis=1),
        "gather scalar": lambda mb, x: mb.gather(x=x, indices=2, axis=-1),
        "gather negative": lambda mb, x: mb.gather(x=x, indices=[-1, 0], axis=2),
        "gather in batches": lambda mb, x: mb.gather(x=x, indices=chosen, axis=1, batch_dims=1),
        "gather further in": lambda mb, x: mb.gather(x=x, indices=chosen, axis=2, batch_dims=1),
        "along axis": lambda mb, x: mb.gather_along_axis(x=x, indices=along, axis=1),
        "gather_nd": lambda mb, x: mb.gather_nd(x=x, indices=[[0, 1], [1, 3]]),
        "gather_nd in batches": lambda mb, x: mb.gather_nd(
            x=x, indices=[[[0, 1], [3, 5]], [[1, 1], [2, 0]]], batch_dims=1
        ),
        "argsort": as_float(lambda mb, x: mb.argsort(x=x, axis=2)),
        "argsort rising": as_float(lambda mb, x: mb.argsort(x=x, axis=-1, ascending=True)),
        "topk": lambda mb, x: mb.topk(x=x, k=2, axis=1)[0],
        "topk places": as_float(lambda mb, x: mb.topk(x=x, k=3, axis=-1, ascending=True)[1]),
        "cumsum": lambda mb, x: mb.cumsum(x=x, axis=1),
        "cumsum backwards": lambda mb, x: mb.cumsum(x=x, axis=-1, exclusive=True, reverse=True),
        "band_part": lambda mb, x: mb.band_part(x=x, lower=1, upper=2),
        "band_part lower": lambda mb, x: mb.band_part(x=x, lower=-1, upper=0),
        "one_hot": lambda mb, x: mb.one_hot(
            indices=mb.cast(x=mb.abs(x=mb.round(x=x)), dtype="int32"),
            one_hot_vector_size=3,
            on_value=2.0,
            off_value=-1.0,
        ),
        "one_hot inside": lambda mb, x: mb.one_hot(
            indices=mb.cast(x=mb.round(x=x), dtype="int32"), one_hot_vector_size=4, axis=1,
            on_value=1.0, off_value=0.0,
        ),
        "argmax": as_float(lambda mb, x: mb.reduce_argmax(x=x, axis=1)),
        "argmin": as_float(lambda mb, x: mb.reduce_argmin(x=x, axis=-1, keep_dims=True)),
    }  # fmt: skip
    run_cases(cases, SHAPE)


REDUCTIONS = [
    "reduce_l1_norm", "reduce_l2_norm", "reduce_log_sum", "reduce_log_sum_exp", "reduce_max",
    "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "reduce_sum_square",
]  # fmt: skip


def test_reductions(run_cases: Callable[..., Any]) -> None:
    def case(name: str, axes: list[int] | None, keep_dims: bool) -> Callable[..., Any]:
        extra = {} if axes is None else {"axes": axes}
        return lambda mb, x: getattr(mb, name)(x=mb.abs(x=x), keep_dims=keep_dims, **extra)

    choices: list[list[int] | None] = [[1], [2, 3], [-1, 0], None]
    cases = {
        f"{name} {axes} {keep}": case(name, axes, keep)
        for name, axes, keep in product(REDUCTIONS, choices, [False, True])
    }
    run_cases({key.translate({ord(c): "_" for c in "[], -"}): v for key, v in cases.items()}, SHAPE)


def test_normalisations(run_cases: Callable[..., Any]) -> None:
    mean, variance, gamma, beta = (weights(4) for _ in range(4))
    rows, columns = weights(5), weights(6, 5)
    middle = weights(4, 5)
    cases: dict[str, Callable[..., Any]] = {
        "batch": lambda mb, x: mb.batch_norm(x=x, mean=mean, variance=variance),
        "batch scaled": lambda mb, x: mb.batch_norm(
            x=x, mean=mean, variance=variance, gamma=gamma, beta=beta, epsilon=0.1
        ),
        "instance": lambda mb, x: mb.instance_norm(x=x),
        "instance scaled": lambda mb, x: mb.instance_norm(x=x, gamma=gamma, beta=beta, epsilon=0.1),
        "layer": lambda mb, x: mb.layer_norm(x=x, axes=[-1]),
        "layer scaled": lambda mb, x: mb.layer_norm(x=x, axes=[-1], gamma=rows, beta=rows),
        "layer over two": lambda mb, x: mb.layer_norm(
            x=x, axes=[2, 3], gamma=columns, beta=columns, epsilon=0.1
        ),
        "layer over channels": lambda mb, x: mb.layer_norm(x=x, axes=[1], gamma=gamma, beta=beta),
        "layer over others": lambda mb, x: mb.layer_norm(
            x=x, axes=[1, 3], gamma=middle, beta=middle
        ),
        "layer over all": lambda mb, x: mb.layer_norm(x=x, axes=[0, 1, 2, 3]),
        "l2": lambda mb, x: mb.l2_norm(x=x, epsilon=0.01),
        "local response": lambda mb, x: mb.local_response_norm(
            x=x, size=3, alpha=0.5, beta=0.7, k=2.0
        ),
        "local response even": lambda mb, x: mb.local_response_norm(x=x, size=2),
    }
    run_cases(cases, SHAPE)


MODES = ["STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS", "UNALIGN_CORNERS"]


def test_resizing(run_cases: Callable[..., Any]) -> None:
    def bilinear(mode: str, height: int, width: int) -> Callable[..., Any]:
        return lambda mb, x: mb.resize_bilinear(
            x=x, target_size_height=height, target_size_width=width, sampling_mode=mode
        )

    def upsample(height: float, width: float, **extra: bool) -> Callable[..., Any]:
        return lambda mb, x: mb.upsample_bilinear(
            x=x, scale_factor_height=height, scale_factor_width=width, **extra
        )

    sizes = [(12, 10), (4, 3), (7, 9), (1, 5)]
    cases = {f"{mode} {h} {w}": bilinear(mode, h, w) for mode in MODES for h, w in sizes}
    cases |= {
        "up aligned": upsample(2.0, 3.0, align_corners=True),
        "up centred": upsample(2.0, 1.5, align_corners=False),
        "up cornered": upsample(2.0, 2.0, align_corners=False, half_pixel_centers=False),
        "up nearest": lambda mb, x: mb.upsample_nearest_neighbor(
            x=x, scale_factor_height=2.0, scale_factor_width=3.0
        ),
        "to nearest": lambda mb, x: mb.resize_nearest_neighbor(
            x=x, target_size_height=9, target_size_width=4
        ),
        "resize": lambda mb, x: mb.resize(
            x=x, shape=[0, 7], resized_dims=np.uint32(2), sampling_mode="UNALIGN_CORNERS"
        ),
        "resize nearest": lambda mb, x: mb.resize(
            x=x,
            shape=[12, 10],
            resized_dims=np.uint32(2),
            interpolation_mode="NEAREST_NEIGHBOR",
            sampling_mode="DEFAULT",
        ),
    }
    run_cases(cases, SHAPE)


@pytest.mark.parametrize("align", [True, False])
def test_upsampling_is_tensorflows(run_cases: Callable[..., Any], align: bool) -> None:
    import tensorflow as tf

    x = rng.normal(0, 1, (1, 2, 5, 4)).astype(np.float32)
    found = run_cases(
        {
            "up": lambda mb, x: mb.upsample_bilinear(
                x=x, scale_factor_height=2.0, scale_factor_width=3.0, align_corners=align
            )
        },
        x.shape,
        inputs={"x0": x},
    )
    nhwc = tf.raw_ops.ResizeBilinear(
        images=x.transpose(0, 2, 3, 1),
        size=[10, 12],
        align_corners=align,
        half_pixel_centers=not align,
    ).numpy()
    np.testing.assert_allclose(found["up"], nhwc.transpose(0, 3, 1, 2), atol=1e-5)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantised_activations(run_cases: Callable[..., Any], dtype: str) -> None:
    scales = weights(4) / 50
    zeros = np.array([3, 0, 7, 1], dtype)

    def whole(mb: Any, x: Any) -> Any:
        steps = mb.quantize(input=x, scale=0.02, zero_point=np.array(5, dtype), output_dtype=dtype)
        return mb.dequantize(input=steps, scale=0.02, zero_point=np.array(5, dtype))

    def channels(mb: Any, x: Any) -> Any:
        steps = mb.quantize(input=x, scale=scales, zero_point=zeros, axis=1, output_dtype=dtype)
        return mb.dequantize(input=steps, scale=scales, zero_point=zeros, axis=1)

    def without_zero(mb: Any, x: Any) -> Any:
        steps = mb.quantize(input=x, scale=0.02, output_dtype=dtype)
        return mb.dequantize(input=steps, scale=0.02)

    run_cases({"whole": whole, "channels": channels, "zeroless": without_zero}, SHAPE)


def test_range(run_cases: Callable[..., Any]) -> None:
    cases: dict[str, Callable[..., Any]] = {
        "range": lambda mb, x: mb.range_1d(start=0.5, end=3.1, step=0.5),
    }
    run_cases(cases, (2,))
