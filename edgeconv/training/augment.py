"""Random changes to training pictures, by Keras' own image preprocessing and Pillow's colours."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.training.recipe import Augment

Floats = NDArray[np.float32]

_keras_draws = Lock()
"""Keras draws from numpy's one global stream, which it seeds first."""


def augmentation(options: Augment) -> Callable[[NDArray[np.uint8], RandomState], Floats]:
    """A function that changes one picture, another way for each random stream.

    Args:
        options: the largest change of each kind.

    Returns:
        A function from RGB pixels (H, W, 3), uint8, and a random stream to float32 pixels 0..255
        of the same shape. Threads may share it.
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

    def change(pixels: NDArray[np.uint8], random: RandomState) -> Floats:
        with _keras_draws:
            drawn = keras.get_random_transform(pixels.shape, random.randint(0, 2**31))
        if options.colour_jitter and random.uniform() < options.colour_jitter_of:
            pixels = _jittered(pixels, options.colour_jitter, random)
        return np.asarray(keras.apply_transform(pixels.astype(np.float32), drawn), np.float32)

    return change


def _jittered(pixels: NDArray[np.uint8], most: float, random: RandomState) -> NDArray[np.uint8]:
    """Brightness, contrast and saturation times up to ``1 +- most``, in any order.

    Those are torchvision's ``ColorJitter``, which for pictures of Pillow calls the same functions.
    """
    from PIL import Image, ImageEnhance

    picture = Image.fromarray(pixels)
    kinds = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
    for place in random.permutation(len(kinds)):
        picture = kinds[place](picture).enhance(random.uniform(1 - most, 1 + most))
    return np.asarray(picture)
