"""What layers compute in while a model is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal


@contextmanager
def computing_in(precision: Literal["float32", "bfloat16"]) -> Iterator[None]:
    """Layers that are made inside compute in this type; their weights are float32 always.

    bfloat16 has float32's range, so that gradients need no scaling (Kalamkar et al. 2019), as those
    of float16 would.
    """
    import tf_keras

    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy(
        "float32" if precision == "float32" else f"mixed_{precision}"
    )
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)
