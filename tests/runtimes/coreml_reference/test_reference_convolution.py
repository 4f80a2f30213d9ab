"""Convolution, pooling and matrix products over combinations of their attributes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

rng = np.random.default_rng(7)


def weights(*shape: int) -> Any:
    return rng.normal(0, 0.3, shape).astype(np.float32)


CONVOLUTIONS = [
    *product(["valid", "same", "same_lower"], [1, 2], [1], [1, 2, 4], [2, 3]),
    *product(["valid", "same", "same_lower"], [1], [2], [1, 4], [2, 3]),
    ("custom", 2, 1, 1, 3),
    ("custom", 1, 2, 4, 3),
]


def convolution(pad_type: str, stride: int, dilation: int, groups: int, kernel: int) -> Any:
    weight, bias = weights(8, 4 // groups, kernel, kernel), weights(8)
    return lambda mb, x: mb.conv(
        x=x,
        weight=weight,
        bias=bias,
        strides=[stride, stride],
        pad_type=pad_type,
        **({"pad": [0, 1, 2, 1]} if pad_type == "custom" else {}),
        dilations=[dilation, dilation],
        groups=groups,
    )


def test_conv(run_cases: Callable[..., Any]) -> None:
    cases = {
        " ".join(map(str, attributes)): convolution(*attributes) for attributes in CONVOLUTIONS
    }
    run_cases(cases, (2, 4, 9, 8))


@pytest.mark.parametrize(("size", "stride"), [(9, 2), (8, 2), (8, 1), (7, 3)])
def test_same_padding_is_tensorflows(run_both: Callable[..., Any], size: int, stride: int) -> None:
    import tensorflow as tf

    kernel = weights(5, 3, 4, 4)

    def build(mb: Any, x: Any) -> Any:
        return mb.conv(x=x, weight=kernel, strides=[stride, stride], pad_type="same")

    results = run_both(build, (1, 3, size, size))
    x = results.inputs["x0"].transpose(0, 2, 3, 1)
    expected = tf.nn.conv2d(x, kernel.transpose(2, 3, 1, 0), stride, "SAME").numpy()
    np.testing.assert_allclose(results.numpy[0], expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_conv_in_one_and_three_dimensions(run_both: Callable[..., Any]) -> None:
    run_both(
        lambda mb, x: mb.conv(x=x, weight=weights(4, 3, 3), pad_type="same", strides=[2]),
        (1, 3, 9),
    )
    run_both(
        lambda mb, x: mb.conv(
            x=x, weight=weights(4, 3, 3, 2, 2), pad_type="custom", pad=[1, 0, 0, 1, 1, 1]
        ),
        (1, 3, 5, 6, 7),
    )


def test_conv_with_computed_weights(run_both: Callable[..., Any]) -> None:
    run_both(lambda mb, x, w: mb.conv(x=x, weight=w, pad_type="valid"), (1, 3, 6, 6), (4, 3, 3, 3))


TRANSPOSED_CONVOLUTIONS: list[tuple[str, int, int, int, dict[str, Any]]] = [
    ("valid", 1, 1, 1, {}),
    ("valid", 2, 1, 2, {}),
    ("valid", 2, 2, 1, {}),
    ("custom", 2, 1, 1, {"pad": [1, 1, 1, 1]}),
    ("custom", 2, 1, 4, {"pad": [1, 0, 0, 1]}),
    ("custom", 2, 1, 1, {"pad": [1, 1, 1, 1], "output_shape": [1, 4, 10, 12]}),
    ("same", 1, 1, 1, {}),
    ("same", 2, 1, 1, {}),
    ("same", 2, 1, 1, {"output_shape": [1, 4, 10, 12]}),
    ("same", 2, 1, 1, {"output_shape": [1, 4, 9, 11]}),
]


def transposed_convolution(
    pad_type: str, stride: int, dilation: int, groups: int, extra: dict[str, Any]
) -> Any:
    weight, bias = weights(4, 4 // groups, 3, 3), weights(4)
    return lambda mb, x: mb.conv_transpose(
        x=x,
        weight=weight,
        bias=bias,
        strides=[stride, stride],
        pad_type=pad_type,
        dilations=[dilation, dilation],
        groups=groups,
        **extra,
    )


def test_conv_transpose(run_cases: Callable[..., Any]) -> None:
    cases = {
        f"{number} {attributes[0]}": transposed_convolution(*attributes)
        for number, attributes in enumerate(TRANSPOSED_CONVOLUTIONS)
    }
    run_cases(cases, (1, 4, 5, 6))


POOLS: list[tuple[str, int, dict[str, Any]]] = [
    ("valid", 2, {}),
    ("same", 2, {}),
    ("same", 1, {}),
    ("same_lower", 2, {}),
    ("custom", 2, {"pad": [1, 0, 1, 1]}),
    ("custom", 2, {"pad": [1, 1, 1, 1], "ceil_mode": True}),
    ("valid", 2, {"ceil_mode": True}),
    ("valid", 3, {"ceil_mode": True}),
]


def pool(kind: str, pad_type: str, stride: int, arguments: dict[str, Any]) -> Any:
    return lambda mb, x: getattr(mb, kind)(
        x=x, kernel_sizes=[3, 3], strides=[stride, stride], pad_type=pad_type, **arguments
    )


@pytest.mark.parametrize("size", [(9, 8), (7, 10)])
def test_pool(run_cases: Callable[..., Any], size: tuple[int, int]) -> None:
    cases = {
        f"{kind} {number}": pool(kind, *attributes)
        for kind in ("max_pool", "avg_pool", "l2_pool")
        for number, attributes in enumerate(POOLS)
    }
    for number, (pad_type, stride, arguments) in enumerate(POOLS):
        excluding = {**arguments, "exclude_padding_from_average": True}
        cases[f"excluding {number}"] = pool("avg_pool", pad_type, stride, excluding)
    run_cases(cases, (2, 3, *size))


@pytest.mark.parametrize("shape", [(2, 6), (2, 3, 6), (2, 3, 4, 6)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(run_both: Callable[..., Any], shape: tuple[int, ...], bias: bool) -> None:
    extra = {"bias": weights(5)} if bias else {}
    run_both(lambda mb, x: mb.linear(x=x, weight=weights(5, 6), **extra), shape)


@pytest.mark.parametrize(("left", "right"), list(product([False, True], repeat=2)))
def test_matmul(run_both: Callable[..., Any], left: bool, right: bool) -> None:
    x = (2, 5, 3) if left else (2, 3, 5)
    y = (4, 5) if right else (5, 4)
    results = run_both(
        lambda mb, x, y: mb.matmul(x=x, y=y, transpose_x=left, transpose_y=right), x, y
    )
    a, b = results.inputs.values()
    expected = (a.swapaxes(1, 2) if left else a) @ (b.T if right else b)
    np.testing.assert_allclose(results.numpy[0], expected, atol=1e-5)


def test_matmul_with_a_constant(run_both: Callable[..., Any]) -> None:
    run_both(lambda mb, x: mb.matmul(x=x, y=weights(4, 5), transpose_y=True), (2, 3, 5))


@pytest.mark.parametrize(
    ("equation", "x", "y"),
    [
        ("nchw,nwhu->nchu", (2, 3, 4, 5), (2, 5, 4, 6)),
        ("chw,whr->chr", (2, 3, 4), (4, 3, 5)),
    ],
)
def test_einsum(
    run_both: Callable[..., Any], equation: str, x: tuple[int, ...], y: tuple[int, ...]
) -> None:
    run_both(lambda mb, x, y: mb.einsum(values=[x, y], equation=equation), x, y)


@pytest.mark.parametrize("mask", [None, "float", "bool"])
def test_scaled_dot_product_attention(run_both: Callable[..., Any], mask: str | None) -> None:
    def build(mb: Any, q: Any, k: Any, v: Any, m: Any) -> Any:
        extra = {}
        if mask == "float":
            extra = {"attn_mask": m}
        elif mask == "bool":
            keep = np.tril(np.ones((5, 7), bool), 2)
            extra = {"attn_mask": mb.logical_and(x=keep, y=mb.greater(x=m, y=-1e9))}
        y = mb.scaled_dot_product_attention(query=q, key=k, value=v, **extra)
        return mb.add(x=y, y=mb.reduce_sum(x=m, axes=[-1], keep_dims=True))

    run_both(build, (2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8), (5, 7), target="iOS18")
