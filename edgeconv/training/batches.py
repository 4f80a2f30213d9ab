"""Pictures or rows as a model takes them: in batches, normalised, with one-hot labels."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.datasets.splits import Split
from edgeconv.normalising import normalise
from edgeconv.spec import ModelSpec
from edgeconv.training.strategy import Workers

Floats = NDArray[np.float32]
Change = Callable[[NDArray[np.uint8], RandomState], Floats]

ALONE = Workers()

AHEAD = 3
"""Batches that are read while the model works on one: all that memory holds of a dataset."""


def batches(
    split: Split,
    spec: ModelSpec,
    order: Sequence[int] | NDArray[np.intp],
    size: int,
    *,
    epoch: int = 0,
    change: Change | None = None,
    seed: int = 0,
    share: Workers = ALONE,
) -> Iterator[tuple[Floats, Floats]]:
    """Batches of inputs; those that cannot be decoded are left out.

    Inputs are read ahead by several threads, and come in the same order and with the same changes
    however many there are.

    Args:
        split: where they come from.
        spec: its input says how pixels are normalised, its labels how many columns there are.
        order: indices of the inputs, as they shall come.
        size: inputs a batch; fewer in the last one and where some cannot be decoded.
        epoch: which drawing of a generated picture.
        change: the augmentation of one picture, uint8 pixels to float32 pixels 0..255.
        seed: of the changes, which differ by picture and epoch.
        share: which of how many workers this is; a batch holds this worker's share alone. A
            batch without any input is passed over, but not where others wait for it.

    Yields:
        Normalised inputs (N, ...) and one-hot labels (N, labels), both float32.
    """
    one_hot = np.eye(len(spec.labels), dtype=np.float32)

    def load(index: int) -> tuple[Floats, int] | None:
        inputs = split.inputs(index, epoch)
        if inputs is None:
            return None
        if change is not None:
            inputs = change(inputs, RandomState([seed, epoch, index]))
        return normalise(inputs, spec.input), split.labels[index]

    parts = (
        np.array_split(order[start : start + size], share.count)[share.number]
        for start in range(0, len(order), size)
    )
    for loaded in _ahead(load, parts):
        found = [one for one in loaded if one is not None]
        if found:
            inputs, labels = zip(*found, strict=True)
            yield np.stack(inputs), one_hot[list(labels)]
        elif share.count > 1:
            yield np.empty((0, *spec.input_shape), np.float32), one_hot[:0]


def _ahead(load: Callable[[int], Any], parts: Iterator[NDArray[Any]]) -> Iterator[list[Any]]:
    """What is loaded of each part, in order, by threads that are a few parts ahead."""
    pool = ThreadPoolExecutor(os.cpu_count())
    waiting: deque[list[Future[Any]]] = deque()
    try:
        for part in parts:
            waiting.append([pool.submit(load, int(index)) for index in part])
            if len(waiting) > AHEAD:
                yield [one.result() for one in waiting.popleft()]
        while waiting:
            yield [one.result() for one in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)
