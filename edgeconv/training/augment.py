"""Random changes to training pictures, by Keras' own image preprocessing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.training.recipe import Augment


def augmentation(
    options: Augment, random: RandomState
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A function that changes one picture, another way each time.

    Args:
        options: the largest change of each kind.
        random: where the changes are drawn from.

    Returns:
        A function from RGB pixels (H, W, 3), uint8, to float32 pixels 0..255 of the same shape.
    """
    from tf_keras.preprocessing.image import ImageDataGenerator

    keras = ImageDataGenerator(
        rotation_range=options.rotation,
        width_shift_range=options.shift,
        height_shift_range=options.shift,
        shear_range=options.shear,
        zoom_range=options.zoom,
        channel_shift_range=options.channel_shift,
        horizontal_flip=options.flip,
        fill_mode="nearest",
    )

    def change(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seed = random.randint(0, 2**31)
        return np.asarray(keras.random_transform(pixels.astype(np.float32), seed), np.float32)

    return change
