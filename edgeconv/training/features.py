"""What a frozen body makes of pictures, computed once instead of in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeconv.datasets.listing import Listed
from edgeconv.datasets.splits import RowSplit, Split
from edgeconv.files import cannot_write
from edgeconv.spec import Embedding, ModelSpec
from edgeconv.training.batches import batches
from edgeconv.training.recipe import Recipe

BATCH = 32


def can_be_kept(recipe: Recipe, train: Split, body: Sequence[Any]) -> bool:
    """Whether a frozen body makes the same features of the training inputs in every epoch."""
    drops = any(getattr(layer, "rate", 0) for layer in body)
    return bool(body) and not (recipe.augment or recipe.mixing or train.changes or drops)


def cut(model: Any, body: Sequence[Any]) -> tuple[Any, Any]:
    """A model in two: from inputs to features (N, length), and from those to scores.

    The cut is behind the body and whatever follows it without weights, where features are few.

    Args:
        model: a flat ``tf_keras.Model`` whose layers after the body make one chain.
        body: its layers before the head.
    """
    import tf_keras

    last = len(body)
    while not model.layers[last].weights and not getattr(model.layers[last], "rate", 0):
        last += 1
    features = model.layers[last - 1].output
    return tf_keras.Model(model.input, features), tf_keras.Model(features, model.output)


def kept(before: Any, split: Split, spec: ModelSpec, place: Path) -> RowSplit:
    """The features of all readable inputs of a split, in its order, on the disk.

    Args:
        before: the model from normalised inputs to features (N, length).
        split: pictures or rows that are the same in every epoch.
        spec: how pixels are normalised.
        place: the ``.npy`` file to write.

    Raises:
        FileError: it cannot be written.
    """
    length = before.output_shape[1]
    labels: list[int] = []
    try:
        shape = (len(split.labels), length)
        rows = np.lib.format.open_memmap(place, mode="w+", dtype=np.float32, shape=shape)
        for inputs, targets in batches(split, spec, range(len(split.labels)), BATCH):
            rows[len(labels) : len(labels) + len(inputs)] = before.predict_on_batch(inputs)
            labels += targets.argmax(axis=1).tolist()
        rows.flush()
    except OSError as error:
        raise cannot_write(place, error) from error
    names = [name for name in split.names if name not in split.unreadable]
    listed = [
        Listed(name, spec.labels[label], None, place, row=row)
        for row, (name, label) in enumerate(zip(names, labels, strict=True))
    ]
    return RowSplit(listed, labels, {place: rows}, embedding_of(before))


def embedding_of(before: Any) -> Embedding:
    """What the rest of a cut model takes."""
    return Embedding(length=before.output_shape[1], unit=False)
