"""Elementwise operations and activations: both executors, and coremltools' own arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

SHAPE = (1, 3, 4, 5)

UNARY = [
    "abs", "atan", "ceil", "cos", "cosh", "erf", "exp", "exp2", "floor", "round", "sign", "sin",
    "sinh", "square", "tan", "tanh", "relu", "relu6", "sigmoid", "silu", "softplus", "softsign",
    "identity",
]  # fmt: skip

BINARY = ["add", "floor_div", "maximum", "minimum", "mod", "mul", "real_div", "sub"]

COMPARISONS = ["equal", "greater", "greater_equal", "less", "less_equal", "not_equal"]

WITH_PARAMETERS = [
    ("leaky_relu", {"alpha": 0.3}),
    ("elu", {"alpha": 0.7}),
    ("thresholded_relu", {"alpha": 0.5}),
    ("clamped_relu", {"alpha": 0.2, "beta": 1.0}),
    ("linear_activation", {"alpha": 2.0, "beta": -0.5}),
    ("sigmoid_hard", {"alpha": 0.3, "beta": 0.4}),
    ("scaled_tanh", {"alpha": 1.7, "beta": 0.6}),
    ("threshold", {"alpha": 0.25}),
    ("clip", {"alpha": -0.5, "beta": 0.75}),
    ("gelu", {"mode": "EXACT"}),
    ("gelu", {"mode": "TANH_APPROXIMATION"}),
    ("gelu", {"mode": "SIGMOID_APPROXIMATION"}),
    ("softmax", {"axis": 1}),
    ("softmax", {"axis": -1}),
    ("prelu", {"alpha": np.array([0.1, 0.5, -0.3], np.float32)}),
    (
        "softplus_parametric",
        {
            "alpha": np.array([0.1, 0.5, 1.3], np.float32),
            "beta": np.array([1.0, 0.5, 2.0], np.float32),
        },
    ),
]


def own_arithmetic(cases: dict[str, Callable[..., Any]], *inputs: Any) -> dict[str, Any]:
    """What coremltools computes when the inputs are constants; None where it does not."""
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    values: dict[str, Any] = {}

    @mb.program(input_specs=[mb.TensorSpec(shape=(1,))], opset_version=ct.target.iOS17)
    def program(unused: Any) -> Any:
        for name, build in cases.items():
            # some of coremltools' functions write into their input
            values[name] = build(mb, *map(np.copy, inputs)).val
        return mb.identity(x=unused)

    return values


def hold_against_coremltools(
    found: dict[str, Any], cases: dict[str, Callable[..., Any]], *inputs: Any
) -> None:
    own = own_arithmetic(cases, *inputs)
    assert sum(value is not None for value in own.values()) >= len(cases) - 2
    for name, expected in own.items():
        if expected is not None:
            np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


def operation(name: str, **arguments: Any) -> Callable[..., Any]:
    """A case: the named operation of its inputs ``x`` and, where there are two, ``y``."""

    def build(mb: Any, *inputs: Any) -> Any:
        return getattr(mb, name)(**dict(zip("xy", inputs, strict=False)), **arguments)

    return build


def values(*shapes: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {
        f"x{number}": rng.uniform(low, high, shape).astype(np.float32)
        for number, shape in enumerate(shapes)
    }


def test_unary(run_cases: Callable[..., Any]) -> None:
    cases = {name: operation(name) for name in UNARY}
    inputs = values(SHAPE)
    hold_against_coremltools(run_cases(cases, SHAPE, inputs=inputs), cases, *inputs.values())


def test_unary_on_part_of_the_line(run_cases: Callable[..., Any]) -> None:
    cases = {name: operation(name) for name in ("acos", "asin", "atanh", "sqrt")}
    for name in ("log", "rsqrt", "inverse"):
        cases[name] = operation(name)
        cases[f"{name} with epsilon"] = operation(name, epsilon=0.5)
    inputs = values(SHAPE, low=0.01, high=0.99)
    hold_against_coremltools(run_cases(cases, SHAPE, inputs=inputs), cases, *inputs.values())


@pytest.mark.parametrize("other", [SHAPE, (3, 1, 1), (1,)])
def test_binary_with_broadcasting(run_cases: Callable[..., Any], other: tuple[int, ...]) -> None:
    cases = {name: operation(name) for name in BINARY}
    inputs = values(SHAPE, other)
    found = run_cases(cases, SHAPE, other, inputs=inputs)
    hold_against_coremltools(found, cases, *inputs.values())


def test_binary_on_integers_of_both_signs(run_cases: Callable[..., Any]) -> None:
    divisors = np.array([-3, 2, 5, -1, 4], np.int32)

    def case(name: str) -> Callable[..., Any]:
        def build(mb: Any, x: Any) -> Any:
            numbers = mb.cast(x=mb.mul(x=x, y=10.0), dtype="int32")
            return mb.cast(x=getattr(mb, name)(x=numbers, y=divisors), dtype="fp32")

        return build

    references: dict[str, Any] = {
        "floor_div": np.floor_divide,
        "mod": np.mod,
        "add": np.add,
        "maximum": np.maximum,
    }
    inputs = values(SHAPE)
    found = run_cases({name: case(name) for name in references}, SHAPE, inputs=inputs)
    numbers = np.trunc(inputs["x0"] * np.float32(10)).astype(np.int32)
    for name, reference in references.items():
        np.testing.assert_array_equal(found[name], reference(numbers, divisors), err_msg=name)


def test_comparison_and_select(run_cases: Callable[..., Any]) -> None:
    def case(name: str) -> Callable[..., Any]:
        def build(mb: Any, x: Any, y: Any) -> Any:
            x, y = mb.round(x=x), mb.round(x=y)
            return mb.select(cond=getattr(mb, name)(x=x, y=y), a=mb.exp(x=x), b=y)

        return build

    run_cases({name: case(name) for name in COMPARISONS}, SHAPE, SHAPE)


def test_logic(run_cases: Callable[..., Any]) -> None:
    def case(name: str) -> Callable[..., Any]:
        def build(mb: Any, x: Any, y: Any) -> Any:
            both = getattr(mb, name)(x=mb.greater(x=x, y=0.0), y=mb.greater(x=y, y=0.0))
            return mb.cast(x=mb.logical_not(x=both), dtype="fp32")

        return build

    names = ("logical_and", "logical_or", "logical_xor")
    run_cases({name: case(name) for name in names}, SHAPE, SHAPE)


def test_activation_with_parameters(run_cases: Callable[..., Any]) -> None:
    cases = {
        f"{name} {number}": operation(name, **arguments)
        for number, (name, arguments) in enumerate(WITH_PARAMETERS)
    }
    inputs = values(SHAPE)
    hold_against_coremltools(run_cases(cases, SHAPE, inputs=inputs), cases, *inputs.values())


def test_power(run_both: Callable[..., Any]) -> None:
    run_both(lambda mb, x, y: mb.pow(x=mb.abs(x=x), y=y), SHAPE, SHAPE)


def test_cast_there_and_back(run_cases: Callable[..., Any]) -> None:
    def case(dtype: str) -> Callable[..., Any]:
        return lambda mb, x: mb.cast(x=mb.cast(x=mb.mul(x=x, y=3.7), dtype=dtype), dtype="fp32")

    inputs = values(SHAPE)
    dtypes = ("int32", "bool", "fp16", "int8")
    found = run_cases({dtype: case(dtype) for dtype in dtypes}, SHAPE, inputs=inputs)
    product = inputs["x0"] * np.float32(3.7)
    np.testing.assert_array_equal(found["int32"], np.trunc(product))
    np.testing.assert_array_equal(found["bool"], np.ones_like(product))
    np.testing.assert_array_equal(found["fp16"], product)  # exact mode does not round
