"""What the reference executor knows of all that MIL has, and the network families it must run."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.runtimes.coreml_reference import load
from edgeconv.runtimes.coreml_reference.constexpr import DECODERS
from edgeconv.runtimes.coreml_reference.numpy_operations import OPERATIONS
from edgeconv.runtimes.coreml_reference.onnx_operations import TRANSLATIONS

NOT_KNOWN = {
    # control flow, lists and state
    "cond", "while_loop", "read_state", "make_list", "list_gather", "list_length", "list_read",
    "list_scatter", "list_write",
    # recurrence and chance
    "gru", "lstm", "rnn", "random_bernoulli", "random_categorical", "random_normal",
    "random_uniform",
    # detection, warping and sequences
    "affine", "crop_resize", "non_maximum_suppression", "resample", "reverse_sequence",
    "sliding_windows", "reshape_like",
    # what coremltools fuses away, or no front end for image classifiers writes
    "batch_to_space", "space_to_batch", "scatter", "scatter_along_axis", "scatter_nd",
    "conv_quantized", "_const_symbolic",
}  # fmt: skip


def test_both_executors_know_the_same_operations() -> None:
    assert set(OPERATIONS.functions) == set(TRANSLATIONS.functions)


def test_what_is_not_known_is_written_down() -> None:
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    known = {*OPERATIONS.functions, *DECODERS, "const", "classify"}
    assert set(SSAOpRegistry.core_ops) - known == NOT_KNOWN


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["MobileNetV3Small", "EfficientNetB0", "ResNet50V2", "ConvNeXtTiny", "DenseNet121"]
)
def test_families_from_the_tensorflow_front_end(name: str, tmp_path: Path) -> None:
    import coremltools as ct
    import tensorflow as tf
    import tf_keras
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    size = 96
    tf_keras.utils.set_random_seed(4)
    rng = np.random.default_rng(4)
    network = getattr(tf_keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=6
    )
    pictures = rng.uniform(0, 255, (6, 6, 6, 3)).repeat(size // 6, 1).repeat(size // 6, 2)
    pictures = pictures.astype(np.uint8)
    for layer in network.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = 0.0
        elif type(layer).__name__ == "LayerScale":
            layer.gamma.assign(np.full(layer.gamma.shape, 0.5, np.float32))
        elif isinstance(layer, tf_keras.layers.Conv2D) and layer.groups > 1:
            # tf_keras compiles these with XLA into a call that coremltools cannot convert
            layer._jit_compiled_convolution_op = layer.convolution_op
        elif isinstance(layer, tf_keras.layers.Activation) and "gelu" in layer.name:
            # tf.nn.gelu is written with Erfc, which coremltools cannot convert
            layer.activation = lambda x: 0.5 * x * (1 + tf.math.erf(x * 0.70710678))
        elif isinstance(layer, tf_keras.layers.Dense) and layer.units == 6:
            layer.set_weights([rng.normal(0, 0.1, layer.kernel.shape), rng.normal(0, 1, 6)])
    # of a fresh network the scores hardly vary: normalisation must know the real statistics
    network(pictures.astype(np.float32), training=True)
    expected = network(pictures.astype(np.float32), training=False).numpy()
    assert expected.std(axis=0).max() > 0.005, "outputs that do not vary prove nothing"

    @tf.function(input_signature=[tf.TensorSpec([1, size, size, 3], tf.float32, name="image")])
    def infer(image: Any) -> Any:
        return network(image, training=False)

    frozen = convert_variables_to_constants_v2(infer.get_concrete_function())
    for file, options in (
        ("whole.mlpackage", {"convert_to": "mlprogram", "compute_precision": ct.precision.FLOAT32}),
        ("whole.mlmodel", {"convert_to": "neuralnetwork"}),
    ):
        path = tmp_path / file
        with contextlib.redirect_stderr(io.StringIO()):
            ct.convert(
                [frozen],
                inputs=[ct.ImageType(name="image", shape=(1, size, size, 3))],
                classifier_config=ct.ClassifierConfig(list("abcdef")),
                skip_model_load=True,
                **options,
            ).save(str(path))

        def scores(executor: Any, path: Path = path) -> Any:
            model = load(path, executor=executor)
            rows = [model.predict({"image": picture}) for picture in pictures]
            by_label = [next(v for v in row.values() if isinstance(v, dict)) for row in rows]
            return np.array([[row[label] for label in "abcdef"] for row in by_label])

        fast = scores("onnx")
        np.testing.assert_allclose(fast, expected, atol=1e-4)
        np.testing.assert_allclose(scores("numpy"), fast, atol=5e-5)
