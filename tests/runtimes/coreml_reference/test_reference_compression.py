"""Every compressed weight form that coremltools writes decodes bit for bit as coremltools does."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.runtimes.coreml_reference import load
from edgeconv.runtimes.coreml_reference.program import Constant


@pytest.fixture(scope="module")
def plain_models() -> dict[str, Any]:
    """A small network, float32, for each deployment target."""
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    rng = np.random.default_rng(5)
    kernel = rng.normal(0, 0.2, (32, 16, 3, 3)).astype(np.float32)
    # distinct magnitudes a channel, so that scales differ
    kernel *= np.linspace(0.5, 2, 32, dtype=np.float32)[:, None, None, None]
    dense = rng.normal(0, 0.2, (64, 32)).astype(np.float32)
    models = {}
    for target in (ct.target.iOS16, ct.target.iOS18):

        @mb.program(input_specs=[mb.TensorSpec(shape=(1, 16, 6, 6))], opset_version=target)
        def program(x: Any) -> Any:
            y = mb.relu(x=mb.conv(x=x, weight=kernel, pad_type="same"))
            return mb.linear(x=mb.reduce_mean(x=y, axes=[2, 3]), weight=dense, name="y")

        with contextlib.redirect_stderr(io.StringIO()):
            models[target.name] = ct.convert(
                program,
                convert_to="mlprogram",
                compute_precision=ct.precision.FLOAT32,
                minimum_deployment_target=target,
                skip_model_load=True,
            )
    return models


def linear(**options: Any) -> Callable[[Any], Any]:
    import coremltools.optimize.coreml as cto

    config = cto.OptimizationConfig(
        global_config=cto.OpLinearQuantizerConfig(weight_threshold=16, **options)
    )
    return lambda model: cto.linear_quantize_weights(model, config)


def palettised(joint: bool = False, **options: Any) -> Callable[[Any], Any]:
    import coremltools.optimize.coreml as cto

    config = cto.OptimizationConfig(
        global_config=cto.OpPalettizerConfig(weight_threshold=16, **options)
    )
    return lambda model: cto.palettize_weights(model, config, joint_compression=joint)


def pruned(**options: Any) -> Callable[[Any], Any]:
    import coremltools.optimize.coreml as cto

    config = cto.OptimizationConfig(
        global_config=cto.OpMagnitudePrunerConfig(weight_threshold=16, **options)
    )
    return lambda model: cto.prune_weights(model, config)


def pruned_then(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda model: make(pruned(target_sparsity=0.5)(model))


def jointly_linear(**options: Any) -> Callable[[Any], Any]:
    import coremltools.optimize.coreml as cto

    config = cto.OptimizationConfig(
        global_config=cto.OpLinearQuantizerConfig(weight_threshold=16, **options)
    )
    return lambda model: cto.linear_quantize_weights(model, config, joint_compression=True)


FORMS: dict[str, tuple[str, Callable[[], Callable[[Any], Any]], str]] = {
    "int8 symmetric": ("iOS16", lambda: linear(mode="linear_symmetric"), "int8"),
    "uint8 asymmetric": ("iOS16", lambda: linear(mode="linear", dtype="uint8"), "uint8"),
    "int8 a tensor": (
        "iOS16", lambda: linear(granularity="per_tensor", mode="linear_symmetric"), "int8",
    ),
    "int8 a channel, iOS 18": ("iOS18", lambda: linear(mode="linear_symmetric"), "int8"),
    "int4 a block": (
        "iOS18", lambda: linear(dtype="int4", granularity="per_block", block_size=8), "int4",
    ),
    "uint4 a block": (
        "iOS18",
        lambda: linear(dtype="uint4", mode="linear", granularity="per_block", block_size=8),
        "uint4",
    ),
    "int4 a tensor": (
        "iOS18", lambda: linear(dtype="int4", granularity="per_tensor"), "int4",
    ),
    **{
        f"palettised {bits}": (
            "iOS16", lambda bits=bits: palettised(mode="uniform", nbits=bits),
            f"palettised {bits} bit",
        )
        for bits in (1, 2, 4, 6, 8)
    },
    **{
        f"palettised {bits}, iOS 18": (
            "iOS18", lambda bits=bits: palettised(mode="uniform", nbits=bits),
            f"palettised {bits} bit",
        )
        for bits in (1, 2, 3, 4, 6, 8)
    },
    "palettised in groups": (
        "iOS18",
        lambda: palettised(
            mode="uniform", nbits=4, granularity="per_grouped_channel", group_size=8
        ),
        "palettised 4 bit",
    ),
    "palettised by k-means": (
        "iOS16", lambda: palettised(mode="kmeans", nbits=2), "palettised 2 bit",
    ),
    "palettised vectors": (
        "iOS18", lambda: palettised(mode="kmeans", nbits=4, cluster_dim=4), "palettised 4 bit",
    ),
    "palettised and scaled": (
        "iOS18",
        lambda: palettised(mode="kmeans", nbits=4, enable_per_channel_scale=True),
        "palettised 4 bit",
    ),
    "sparse": ("iOS16", lambda: pruned(target_sparsity=0.5), "sparse fp32"),
    "sparse, iOS 18": ("iOS18", lambda: pruned(target_sparsity=0.75), "sparse fp32"),
    "sparse in blocks": (
        "iOS18", lambda: pruned(target_sparsity=0.5, block_size=4), "sparse fp32",
    ),
    "sparse palette": (
        "iOS18",
        lambda: pruned_then(palettised(joint=True, mode="uniform", nbits=4)),
        "sparse palettised 4 bit",
    ),
    "sparse and quantised": (
        "iOS18", lambda: pruned_then(jointly_linear(mode="linear_symmetric")), "sparse int8",
    ),
    "palette of int8": (
        "iOS18",
        lambda: lambda model: jointly_linear(mode="linear_symmetric", granularity="per_tensor")(
            palettised(mode="uniform", nbits=4)(model)
        ),
        "palettised 4 bit",
    ),
}  # fmt: skip


BY_K_MEANS = {"palettised by k-means", "palettised vectors", "palettised and scaled"}


def own_value(operation: Any) -> Any:
    lut = operation.inputs.get("lut")
    if lut is not None and lut.val is None:
        # coremltools does not look into a palette that is itself compressed
        values = lut.op.materialized_val_inference()
        return operation.decompress(operation.indices.val, values, None)
    return operation.materialized_val_inference()


def own_values(model: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of every compressed weight, as coremltools materialises it."""
    for operation in model._mil_program.functions["main"].operations:
        if not operation.op_type.startswith("constexpr_"):
            continue
        values = own_value(operation)
        for variable, value in zip(
            operation.outputs, values if isinstance(values, tuple) else (values,), strict=True
        ):
            yield variable.name, value


def constants_by_name(path: Path) -> dict[str, Constant]:
    return {constant.name: constant for constant in load(path).program.constants()}


def hold_constants_against_coremltools(path: Path, model: Any, precision: str | None = None) -> int:
    """How many compressed constants were held against coremltools' own values."""
    ours = constants_by_name(path)
    compared = 0
    for name, expected in own_values(model):
        if name in ours:
            found = ours[name].stored
            assert found.dtype == expected.dtype
            assert found.tobytes() == np.ascontiguousarray(expected).tobytes(), name
            assert precision in {None, ours[name].precision}
            compared += 1
    return compared


@pytest.mark.parametrize("form", FORMS)
def test_decodes_as_coremltools_does(
    form: str, plain_models: dict[str, Any], tmp_path: Path
) -> None:
    target, make, precision = FORMS[form]
    if form in BY_K_MEANS:
        pytest.importorskip("sklearn", reason="coremltools clusters with scikit-learn")
    with contextlib.redirect_stderr(io.StringIO()):
        model = make()(plain_models[target])
    path = tmp_path / "compressed.mlpackage"
    model.save(str(path))

    assert hold_constants_against_coremltools(path, model, precision) >= 1

    x = {"x": np.random.default_rng(1).normal(0, 1, (1, 16, 6, 6)).astype(np.float32)}
    fast, oracle = (
        load(path, executor=executor).predict(x)["y"]  # type: ignore[arg-type]
        for executor in ("onnx", "numpy")
    )
    np.testing.assert_allclose(fast, oracle, atol=2e-5)


def small(kind: str, values: Any) -> Any:
    """Values in coremltools' own numpy type for fewer than eight bits."""
    from coremltools.converters.mil.mil import types

    return np.array(values).astype(types.nptype_from_builtin(types.string_to_builtin(kind)))


def vectors(mb: Any, rng: Any) -> Any:
    lut = rng.normal(0, 1, (1, 1, 16, 4)).astype(np.float32)
    indices = small("uint4", rng.integers(0, 16, (8, 16)))
    return mb.constexpr_lut_to_dense(indices=indices, lut=lut, vector_axis=np.int32(0))


def vectors_along_the_last_axis_in_groups(mb: Any, rng: Any) -> Any:
    lut = rng.normal(0, 1, (4, 1, 8, 2)).astype(np.float32)
    indices = small("uint3", rng.integers(0, 8, (32, 8)))
    return mb.constexpr_lut_to_dense(indices=indices, lut=lut, vector_axis=np.int32(-1))


def scaled_palette(mb: Any, rng: Any) -> Any:
    lut = rng.normal(0, 1, (1, 1, 4, 1)).astype(np.float16)
    indices = small("uint2", rng.integers(0, 4, (32, 16)))
    dense = mb.constexpr_lut_to_dense(indices=indices, lut=lut)
    scale = rng.uniform(0.5, 2, (32, 1)).astype(np.float16)
    return mb.constexpr_blockwise_shift_scale(data=dense, scale=scale)


def block_offsets(mb: Any, rng: Any) -> Any:
    return mb.constexpr_blockwise_shift_scale(
        data=small("uint4", rng.integers(0, 16, (32, 16))),
        scale=rng.uniform(0.01, 0.1, (8, 4)).astype(np.float16),
        offset=small("uint4", rng.integers(0, 16, (8, 4))),
    )


def sparse_vectors(mb: Any, rng: Any) -> Any:
    mask = rng.integers(0, 2, (8, 16))
    mask_out, values = mb.constexpr_lut_to_sparse(
        indices_mask=small("uint1", mask),
        indices_nonzero_data=small("uint2", rng.integers(0, 4, int(mask.sum()))),
        lut=rng.normal(0, 1, (1, 1, 4, 4)).astype(np.float32),
        vector_axis=np.int32(0),
    )
    return mb.constexpr_sparse_to_dense(nonzero_data=values, mask=mask_out)


def sparse_offsets(mb: Any, rng: Any) -> Any:
    mask = rng.integers(0, 2, (32, 16))
    mask_out, values = mb.constexpr_sparse_blockwise_shift_scale(
        data_mask=small("uint1", mask),
        nonzero_data=small("int4", rng.integers(-8, 8, int(mask.sum()))),
        scale=rng.uniform(0.01, 0.1, (32, 1)).astype(np.float32),
        offset=small("int4", rng.integers(-8, 8, (32, 1))),
    )
    return mb.constexpr_sparse_to_dense(nonzero_data=values, mask=mask_out)


def widened(mb: Any, rng: Any) -> Any:
    return mb.constexpr_cast(
        source_val=rng.normal(0, 1, (32, 16)).astype(np.float16), output_dtype="fp32"
    )


@pytest.mark.parametrize(
    "weights",
    [
        vectors,
        vectors_along_the_last_axis_in_groups,
        scaled_palette,
        block_offsets,
        sparse_vectors,
        sparse_offsets,
        widened,
    ],
)
def test_forms_written_by_hand(weights: Callable[[Any, Any], Any], tmp_path: Path) -> None:
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 16))], opset_version=ct.target.iOS18)
    def program(x: Any) -> Any:
        dense = weights(mb, np.random.default_rng(9))
        return mb.linear(x=x, weight=dense, name="y")

    with contextlib.redirect_stderr(io.StringIO()):
        model = ct.convert(
            program,
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32,
            minimum_deployment_target=ct.target.iOS18,
            pass_pipeline=ct.PassPipeline.EMPTY,
            skip_model_load=True,
        )
    path = tmp_path / "by_hand.mlpackage"
    model.save(str(path))
    assert hold_constants_against_coremltools(path, model) >= 1
