"""What rounding to float16 does to weights, also to those that float16 holds as they are."""

import numpy as np
import pytest

from edgeconv.networks import halved

KERNEL = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)


def test_a_kernel_is_rounded():
    assert np.array_equal(halved(KERNEL), KERNEL.astype(np.float16).astype(np.float32))
    assert halved(np.array([[1e9, -1e9]], np.float32)).tolist() == [[65504, -65504]]


def test_a_kernel_that_float16_holds_moves_as_far_as_any_other():
    rounded = halved(KERNEL)
    again = halved(rounded)
    moved, usual = (
        np.abs(after / before - 1).mean() for after, before in ((again, rounded), (rounded, KERNEL))
    )
    assert moved == pytest.approx(usual, rel=0.2)
    assert np.abs(again / rounded - 1).max() < 2**-10
    assert again.dtype == np.float32


@pytest.mark.parametrize("kept", [np.zeros((4, 4), np.float32), np.ones(7, np.float32)])
def test_nothing_and_vectors_stay(kept):
    assert np.array_equal(halved(kept), kept)
