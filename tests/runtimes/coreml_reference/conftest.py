"""Small MIL programs, written to a file by coremltools and read back by the reference executor."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.runtimes.coreml_reference import load

Array = NDArray[Any]
Build = Callable[..., Any]


@dataclass(frozen=True)
class Results:
    """What the executors gave for one program, output by output."""

    onnx: list[Array]
    numpy: list[Array]
    inputs: dict[str, Array] = field(repr=False)

    def by_case(self, cases: dict[str, Any]) -> dict[str, Array]:
        """The oracle's results under the names of the cases, which outputs follow in order."""
        return dict(zip(cases, self.numpy, strict=True))


def random_inputs(shapes: Sequence[tuple[int, ...]], seed: int = 0) -> dict[str, Array]:
    """Inputs ``x0``, ``x1``, ... between -2 and 2."""
    rng = np.random.default_rng(seed)
    return {
        f"x{number}": rng.uniform(-2, 2, shape).astype(np.float32)
        for number, shape in enumerate(shapes)
    }


def save_mil_program(
    path: Path, build: Build, shapes: Sequence[tuple[int, ...]], target: str = "iOS17"
) -> None:
    """Write ``build(mb, x0, x1, ...)`` as an ML Program; no optimisation pass runs."""
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813
    from coremltools.converters.mil.mil.program import Program

    logging.getLogger("coremltools").setLevel(logging.ERROR)
    opset = getattr(ct.target, target)
    # mb.program reads the parameter names of the function it decorates
    names = ", ".join(f"x{number}" for number in range(len(shapes)))
    function = eval(f"lambda {names}: build(mb, {names})", {"build": build, "mb": mb})
    specs = [mb.TensorSpec(shape=shape) for shape in shapes]
    with contextlib.redirect_stderr(io.StringIO()):
        program: Program = mb.program(input_specs=specs, opset_version=opset)(function)
        model = ct.convert(
            program,
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32,
            minimum_deployment_target=opset,
            pass_pipeline=ct.PassPipeline.EMPTY,
            skip_model_load=True,
        )
        model.save(str(path))


@pytest.fixture
def save_mil() -> Callable[..., None]:
    """:func:`save_mil_program`, for tests that run the file themselves."""
    return save_mil_program


@pytest.fixture
def run_both(tmp_path: Path) -> Callable[..., Results]:
    """Build, save, read back, run on both executors, and hold them against each other."""

    def run(
        build: Build,
        *shapes: tuple[int, ...],
        target: str = "iOS17",
        tolerance: float = 2e-5,
        inputs: dict[str, Array] | None = None,
    ) -> Results:
        path = tmp_path / "program.mlpackage"
        save_mil_program(path, build, shapes, target)
        given = inputs or random_inputs(shapes)
        outputs = []
        for executor in ("onnx", "numpy"):
            model = load(path, executor=executor)  # type: ignore[arg-type]
            prediction = model.predict(given)
            outputs.append([prediction[feature.name] for feature in model.outputs])
        fast, oracle = outputs
        for feature, ours, theirs in zip(model.outputs, fast, oracle, strict=True):
            assert np.isfinite(theirs).all(), feature.name
            np.testing.assert_allclose(
                ours, theirs, rtol=tolerance, atol=tolerance, err_msg=feature.name
            )
        return Results(fast, oracle, given)

    return run


@pytest.fixture
def run_cases(run_both: Callable[..., Results]) -> Callable[..., dict[str, Array]]:
    """Many operations as the outputs of one program, which is far quicker than one file each."""

    def run(cases: dict[str, Build], *shapes: tuple[int, ...], **options: Any) -> dict[str, Array]:
        def build(mb: Any, *inputs: Any) -> tuple[Any, ...]:
            results = [case(mb, *inputs) for case in cases.values()]
            return tuple(
                mb.identity(x=result, name=f"case_{number}_{name}".replace(" ", "_"))
                for number, (name, result) in enumerate(zip(cases, results, strict=True))
            )

        return run_both(build, *shapes, **options).by_case(cases)

    return run


@pytest.fixture(scope="session")
def mutations() -> Any:
    """The module of random damage beside this file."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "coreml_mutations", Path(__file__).parent / "mutations.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def mobilenets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first half of a small MobileNetV2 from tf_keras, with a head, in every Core ML format.

    Holds ``fp32.mlpackage``, ``fp16.mlpackage``, ``palettised.mlpackage``, ``network.mlmodel``,
    ``pictures.npy`` (N, 96, 96, 3) uint8 and ``scores.npy`` (N, 5), which are Keras's own.
    """
    import coremltools as ct
    import coremltools.optimize.coreml as cto
    import tensorflow as tf
    import tf_keras
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    out = tmp_path_factory.mktemp("mobilenets")
    rng = np.random.default_rng(17)
    tf_keras.utils.set_random_seed(17)
    body = tf_keras.applications.MobileNetV2(
        weights=None, input_shape=(96, 96, 3), alpha=0.35, include_top=False
    )
    features = tf_keras.layers.GlobalAveragePooling2D()(body.get_layer("block_8_add").output)
    head = tf_keras.layers.Dense(5, activation="softmax", name="scores")(features)
    network = tf_keras.Model(body.input, head)
    pictures = np.stack([_picture(rng) for _ in range(12)])
    for layer in network.layers:
        values = layer.get_weights()
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            values[0] = rng.uniform(0.6, 1.6, values[0].shape)
            values[1] = rng.normal(0, 0.3, values[1].shape)
            layer.set_weights(values)
            layer.momentum = 0.0
        elif isinstance(layer, tf_keras.layers.Dense):
            layer.set_weights([rng.normal(0, 0.8, values[0].shape), values[1]])
    # of a fresh network the scores hardly vary: normalisation must know the real statistics
    network(pictures.astype(np.float32) / 255, training=True)
    scores = network(pictures.astype(np.float32) / 255, training=False).numpy()
    np.save(out / "pictures.npy", pictures)
    np.save(out / "scores.npy", scores)

    @tf.function(input_signature=[tf.TensorSpec([1, 96, 96, 3], tf.float32, name="image")])
    def infer(image: Any) -> Any:
        return network(image, training=False)

    frozen = convert_variables_to_constants_v2(infer.get_concrete_function())
    image = ct.ImageType(
        name="image", shape=(1, 96, 96, 3), scale=1 / 255, color_layout=ct.colorlayout.RGB
    )

    def convert(**options: Any) -> Any:
        with contextlib.redirect_stderr(io.StringIO()):
            return ct.convert(
                [frozen],
                inputs=[image],
                classifier_config=ct.ClassifierConfig(list("abcde")),
                skip_model_load=True,
                **options,
            )

    convert(convert_to="mlprogram", compute_precision=ct.precision.FLOAT32).save(
        str(out / "fp32.mlpackage")
    )
    half = convert(convert_to="mlprogram", minimum_deployment_target=ct.target.iOS16)
    half.save(str(out / "fp16.mlpackage"))
    config = cto.OptimizationConfig(global_config=cto.OpPalettizerConfig(mode="uniform", nbits=6))
    with contextlib.redirect_stderr(io.StringIO()):
        cto.palettize_weights(half, config).save(str(out / "palettised.mlpackage"))
    convert(convert_to="neuralnetwork").save(str(out / "network.mlmodel"))
    return out


def _picture(rng: np.random.Generator) -> Array:
    """Blocks of colour at several scales, which no two pictures share."""
    picture = np.zeros((96, 96, 3))
    for size in (4, 12, 48):
        blocks = rng.uniform(0, 255, (96 // size, 96 // size, 3)) * rng.uniform(0.2, 1)
        picture += np.kron(blocks, np.ones((size, size, 1)))
    return np.clip(picture, 0, 255).astype(np.uint8)
