"""Random changes to training pictures, by Keras' own image preprocessing and by Pillow."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.spec import Input
from edgeconv.training.recipe import Augment

Floats = NDArray[np.float32]

_keras_draws = Lock()
"""Keras draws from numpy's one global stream, which it seeds first."""


BLUR = (0.1, 2.0)
"""Least and largest standard deviation of a blur, in pixels."""

ERASED_AREA = (0.02, 1 / 3)
"""Least and largest share of a picture that is erased."""

ERASED_ASPECT = (0.3, 1 / 0.3)
"""Height to width of what is erased."""


def augmentation(
    options: Augment, how: Input
) -> Callable[[NDArray[np.uint8], RandomState], Floats]:
    """A function that changes one picture, another way for each random stream.

    Args:
        options: the largest change of each kind.
        how: pixels are normalised afterwards; noise is drawn so that it is standard normal then.

    Returns:
        A function from RGB pixels (H, W, 3), uint8, and a random stream to float32 pixels of the
        same shape, 0..255 but for noise. Threads may share it.
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
        if options.blur_of and random.uniform() < options.blur_of:
            pixels = _blurred(pixels, random)
        changed = np.asarray(keras.apply_transform(pixels.astype(np.float32), drawn), np.float32)
        if options.erase_of and random.uniform() < options.erase_of:
            _erase(changed, how, random)
        return changed

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


def _blurred(pixels: NDArray[np.uint8], random: RandomState) -> NDArray[np.uint8]:
    from PIL import Image, ImageFilter

    blur = ImageFilter.GaussianBlur(random.uniform(*BLUR))
    return np.asarray(Image.fromarray(pixels).filter(blur))


def _erase(pixels: Floats, how: Input, random: RandomState) -> None:
    """Put noise in place of a rectangle somewhere in the picture."""
    height, width = pixels.shape[:2]
    area = random.uniform(*ERASED_AREA) * height * width
    aspect = np.exp(random.uniform(*np.log(ERASED_ASPECT)))
    rows, columns = (
        min(length, round(np.sqrt(side)))
        for length, side in ((height, area * aspect), (width, area / aspect))
    )
    top, left = random.randint(height - rows + 1), random.randint(width - columns + 1)
    noise = random.normal(size=(rows, columns, 3)) * how.std + how.mean
    pixels[top : top + rows, left : left + columns] = noise / how.scale
