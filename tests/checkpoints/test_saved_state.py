"""Variables saved by path: matched where order and shape leave one way, refused where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.checkpoints import saved_state
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.fitting import WeightedLayer
from edgeconv.checkpoints.naming import by_layer
from edgeconv.errors import CheckpointMismatch


def dense(name: str, inputs: int, units: int) -> WeightedLayer:
    return WeightedLayer(name, "Dense", (("kernel", (inputs, units)), ("bias", (units,))))


def checkpoint(**layers: tuple[int, int]) -> Checkpoint:
    """Dense layers by the path they were saved under, ``__`` for a slash."""
    tensors = {}
    for number, (path, shape) in enumerate(layers.items()):
        owner = path.replace("__", "/")
        tensors[f"{owner}/vars/0"] = np.full(shape, number, np.float32)
        tensors[f"{owner}/vars/1"] = np.full(shape[1:], number, np.float32)
    return Checkpoint(Path("x.weights.h5"), "keras_h5", tensors, None, "structural")


def owners(found: Any) -> dict[str, int]:
    """Which saved layer each layer got, by the number its tensors are filled with."""
    return {
        name.partition("/")[0]: int(tensor.flat[0])
        for name, tensor in found.items()
        if name.endswith("/kernel")
    }


@pytest.mark.parametrize(
    "name, snake",
    [
        ("Conv2D", "conv2d"),
        ("DepthwiseConv2D", "depthwise_conv2d"),
        ("BatchNormalization", "batch_normalization"),
        ("ReLU", "re_lu"),
        ("PReLU", "p_re_lu"),
    ],
)
def test_classes_are_written_as_keras_writes_them(name: str, snake: str) -> None:
    from tf_keras.src.utils.generic_utils import to_snake_case

    assert saved_state.snake_case(name) == snake == to_snake_case(name)


def test_a_flat_model_is_matched_in_numeric_order() -> None:
    layers = [dense(f"d{number}", 4, 4) for number in range(12)]
    paths = ["layers__dense", *(f"layers__dense_{number}" for number in range(1, 12))]
    saved = checkpoint(**dict.fromkeys(sorted(paths), (4, 4)))
    numbers = {path: number for number, path in enumerate(sorted(paths))}
    found = owners(saved_state.by_order(saved, layers))
    assert found == {f"d{index}": numbers[path] for index, path in enumerate(paths)}


def test_gaps_in_the_numbers_do_not_matter() -> None:
    saved = checkpoint(
        _layer_checkpoint_dependencies__dense=(3, 4), _layer_checkpoint_dependencies__dense_2=(4, 5)
    )
    found = owners(saved_state.by_order(saved, [dense("a", 3, 4), dense("b", 4, 5)]))
    assert found == {"a": 0, "b": 1}


def test_a_nested_model_takes_the_run_where_it_fits() -> None:
    saved = checkpoint(
        layers__dense=(9, 2), layers__functional__layers__dense=(4, 5),
        layers__functional__layers__dense_1=(5, 9),
    )  # fmt: skip
    layers = [dense("a", 4, 5), dense("b", 5, 9), dense("c", 9, 2)]
    assert owners(saved_state.by_order(saved, layers)) == {"a": 1, "b": 2, "c": 0}


def test_more_than_one_way_is_refused() -> None:
    saved = checkpoint(layers__dense=(4, 4), layers__functional__layers__dense=(4, 4))
    with pytest.raises(CheckpointMismatch, match="not in an order that tells"):
        saved_state.by_order(saved, [dense("inner", 4, 4), dense("outer", 4, 4)])


def test_right_shapes_in_the_wrong_order_are_refused() -> None:
    saved = checkpoint(layers__dense=(5, 4), layers__dense_1=(4, 5))
    with pytest.raises(CheckpointMismatch) as caught:
        saved_state.by_order(saved, [dense("a", 4, 5), dense("b", 5, 4)])
    assert "no ways" in str(caught.value)


def test_what_differs_keeps_its_path() -> None:
    saved = checkpoint(layers__dense=(4, 5), layers__dense_1=(5, 7))
    found = saved_state.by_order(saved, [dense("a", 4, 5), dense("b", 5, 3)])
    assert sorted(found) == [
        "a/bias",
        "a/kernel",
        "layers/dense_1/vars/0",
        "layers/dense_1/vars/1",
    ]


def test_strange_paths_are_left_over() -> None:
    saved = checkpoint(layers__dense=(4, 5), strange=(1, 1))
    found = saved_state.by_order(saved, [dense("a", 4, 5)])
    assert {"strange/vars/0", "strange/vars/1"} <= found.keys()


def test_branches_have_no_order_and_are_not_matched() -> None:
    import tf_keras

    pixels = tf_keras.Input((4,))
    branches = [tf_keras.layers.Dense(4, name=name)(pixels) for name in ("left", "right")]
    model = tf_keras.Model(pixels, tf_keras.layers.Add()(branches))
    saved = checkpoint(layers__dense=(4, 4), layers__dense_1=(4, 4))
    layers = [dense("left", 4, 4), dense("right", 4, 4)]
    assert by_layer(saved, model, layers) is saved.tensors


def test_a_compiled_and_trained_model_is_matched(tmp_path: Path) -> None:
    import tf_keras

    from edgeconv.checkpoints import fitting, read

    values = x = tf_keras.Input((4,))
    for layer in (tf_keras.layers.Dense(5), tf_keras.layers.BatchNormalization()):
        x = layer(x)
    model = tf_keras.Model(values, tf_keras.layers.Dense(2)(x))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    model.save_weights(tmp_path / "trained.weights.h5")
    weighted = fitting.weighted_layers(model)
    found = by_layer(read(tmp_path / "trained.weights.h5"), model, weighted)
    assert fitting.differences_of_tensors(found, weighted) is None
