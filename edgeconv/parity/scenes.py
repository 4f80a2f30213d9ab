"""Abstract scenes: pictures of nothing, with the colours, light and textures of photographs.

A classifier of real pictures is sure of a plain pattern, and a reference whose scores do not vary
proves nothing. These are drawn so that its scores do vary. As in :mod:`edgeconv.generated`, pixels
come from numpy's frozen random stream and from arithmetic that is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]

_LARGEST_DRAWN = 51_000
"""Pixels; a larger scene is drawn at half its size and enlarged, which photographs look like."""

_INK = np.array([20, 16, 24], np.float32)

_PALETTES: tuple[tuple[tuple[int, int, int], ...], ...] = (
    ((58, 32, 26), (150, 96, 76), (214, 164, 138), (246, 218, 200)),  # skin
    ((92, 70, 46), (176, 146, 102), (220, 196, 152), (244, 232, 206)),  # sand
    ((44, 26, 14), (104, 64, 34), (160, 110, 64), (206, 164, 112)),  # wood
    ((30, 60, 120), (92, 140, 200), (170, 204, 232), (240, 246, 250)),  # sky
    ((14, 26, 10), (46, 78, 28), (104, 136, 58), (190, 204, 120)),  # leaves
    ((6, 20, 36), (14, 66, 92), (60, 136, 150), (186, 222, 214)),  # sea
    ((24, 8, 8), (130, 24, 16), (226, 110, 30), (252, 226, 130)),  # fire
    ((70, 30, 90), (214, 70, 140), (250, 150, 170), (255, 226, 222)),  # candy
    ((12, 12, 14), (84, 84, 88), (160, 160, 162), (240, 240, 238)),  # stone
)
"""From shadow to light."""


def draw_scene(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One scene; eight kinds take turns.

    Args:
        number: 0 to 2**31; the same number gives the same bytes.
        size: height and width in pixels.

    Returns:
        RGB pixels, (height, width, 3).
    """
    random = RandomState(number)
    kind = _KINDS[number % len(_KINDS)]
    height, width = size
    if height * width <= _LARGEST_DRAWN:
        canvas = kind(random, size)
    else:
        half = _pixels(kind(random, ((height + 1) // 2, (width + 1) // 2)))
        large = Image.fromarray(half).resize((width, height), Image.Resampling.BICUBIC)
        canvas = np.asarray(large).astype(np.float32)
    return _pixels(canvas + _grain(random, size, random.choice([0, 3, 8])))


def _texture(random: RandomState, size: tuple[int, int]) -> Plane:
    """One material, as sand, bark or water look from near by."""
    return _coloured(_clouds(random, size, random.uniform(0.45, 0.85)), _palette(random))


def _landscape(random: RandomState, size: tuple[int, int]) -> Plane:
    """A sky that grows lighter towards a rough horizon, and ground below."""
    height, width = size
    rows = np.arange(height, dtype=np.float32)[:, None] / np.float32(height)
    sky = _coloured(0.35 + 0.4 * rows + 0.25 * _clouds(random, size, 0.5), _palette(random, 3))
    ground = _coloured(_clouds(random, size, 0.7), _palette(random))
    ridge = _clouds(random, (1, width), 0.55) * np.float32(0.25) + random.uniform(0.3, 0.6)
    return _over(sky, ground, ((rows - ridge) * height).clip(0, 1))


def _still_life(random: RandomState, size: tuple[int, int]) -> Plane:
    """Soft bodies in one light, before a blurred wall."""
    canvas = _coloured(_clouds(random, size, 0.3), _palette(random))
    palette = _palette(random)
    for _ in range(random.randint(2, 9)):
        inside = _ellipse(random, size, random.uniform(0.1, 0.5))
        relief = np.sqrt(inside.clip(0, 1))
        light = 0.2 + 0.65 * relief + 0.15 * _slope(random, size)
        canvas = _over(canvas, _coloured(light, palette), (inside * 12).clip(0, 1))
    return canvas


def _folds(random: RandomState, size: tuple[int, int]) -> Plane:
    """Folds of light and shade in skin colours, out of focus."""
    folds = _clouds(random, size, random.uniform(0.2, 0.45))
    light = 0.25 + 0.5 * folds + 0.25 * _slope(random, size)
    return _coloured(light, _palette(random, 0))


def _cartoon(random: RandomState, size: tuple[int, int]) -> Plane:
    """Flat bright shapes with dark outlines."""
    canvas = np.empty((*size, 3), np.float32)
    canvas[:] = random.randint(120, 256, 3)
    pen = random.uniform(0.04, 0.12)
    for _ in range(random.randint(3, 10)):
        inside = _ellipse(random, size, random.uniform(0.08, 0.4))
        canvas = _over(canvas, _INK, ((inside + pen) * 30).clip(0, 1))
        colour = random.randint(40, 256, 3).astype(np.float32)
        canvas = _over(canvas, colour, (inside * 30).clip(0, 1))
    return canvas


def _line_drawing(random: RandomState, size: tuple[int, int]) -> Plane:
    """Level lines of a soft relief in ink, with flat colour between them."""
    count = random.randint(3, 12)
    levels = _clouds(random, size, random.uniform(0.15, 0.5)) * count
    paper = _coloured(np.floor(levels) / np.float32(count), _palette(random))
    from_line = np.abs(levels - np.rint(levels))
    ink = ((random.uniform(0.06, 0.16) - from_line) * 14).clip(0, 1).astype(np.float32)
    return _over(paper, _INK, ink)


def _relief(random: RandomState, size: tuple[int, int]) -> Plane:
    """Cloth, hide or rock: a rough surface lit from one side."""
    surface = _clouds(random, size, random.uniform(0.35, 0.6))
    across = np.diff(surface, axis=1, append=surface[:, -1:]) * random.uniform(-12, 12)
    down = np.diff(surface, axis=0, append=surface[-1:]) * random.uniform(4, 12)
    light = 0.5 + across + down + 0.3 * (surface - 0.5)
    return _coloured(light.astype(np.float32), _palette(random))


def _mixture(random: RandomState, size: tuple[int, int]) -> Plane:
    """Two other scenes, one showing through the other."""
    under, over = (_KINDS[index] for index in random.permutation(len(_KINDS) - 1)[:2])
    mask = ((_clouds(random, size, 0.4) - 0.5) * random.uniform(2, 12) + 0.5).clip(0, 1)
    return _over(under(random, size), over(random, size), mask)


_KINDS: tuple[Callable[[RandomState, tuple[int, int]], Plane], ...] = (
    _texture,
    _landscape,
    _still_life,
    _folds,
    _cartoon,
    _line_drawing,
    _relief,
    _mixture,  # the last, since it is made of the others
)


def _clouds(random: RandomState, size: tuple[int, int], roughness: float) -> Plane:
    """Noise, (H, W) from 0 to 1: each octave has ``roughness`` of the one before's amplitude."""
    height, width = size
    total = np.zeros(size, np.float32)
    cells, amplitude = 2, 1.0
    while cells <= max(size) and amplitude > 0.02:
        grid = random.randint(0, 256, (cells, cells)).astype(np.uint8)
        octave = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(octave) * np.float32(amplitude)
        cells, amplitude = cells * 2, amplitude * roughness
    total -= total.min()
    total /= max(total.max(), 1)
    return total


def _slope(random: RandomState, size: tuple[int, int]) -> Plane:
    """(H, W) from 0 to 1, rising evenly in some direction."""
    down, right = random.uniform(-1, 1, 2).astype(np.float32)
    rows = np.linspace(0, down, size[0], dtype=np.float32)[:, None]
    plane = rows + np.linspace(0, right, size[1], dtype=np.float32)
    plane -= plane.min()
    plane /= max(plane.max(), 1e-6)
    return plane


def _ellipse(random: RandomState, size: tuple[int, int], reach: float) -> Plane:
    """(H, W): 1 at the centre of an ellipse, 0 on its edge, negative outside.

    ``reach`` is its longer radius as a share of the picture's shorter side.
    """
    centre = random.uniform(0, 1, 2) * size
    radius = reach * min(size)
    lean = random.uniform(-0.6, 0.6)
    flat = random.uniform(1, 2.5)
    y = ((np.arange(size[0]) - centre[0]) / radius).astype(np.float32)[:, None]
    x = ((np.arange(size[1]) - centre[1]) / radius).astype(np.float32)[None, :]
    along = x + y * np.float32(lean)
    across = (y - x * np.float32(lean)) * np.float32(flat)
    inside: Plane = 1 - along * along - across * across
    return inside


def _palette(random: RandomState, index: int | None = None) -> Plane:
    """256 colours from shadow to light, (256, 3); any of the palettes, or the one named."""
    stops = np.array(_PALETTES[random.randint(len(_PALETTES)) if index is None else index], float)
    stops = stops * random.uniform(0.8, 1.1) + random.uniform(-18, 18, 3)
    place = np.linspace(0, len(stops) - 1, 256)
    return np.stack(
        [np.interp(place, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], -1
    ).astype(np.float32)


def _coloured(light: Plane, palette: Plane) -> Plane:
    """Each light, 0..1, as its colour: (H, W, 3)."""
    return palette.take((light * 255).clip(0, 255).astype(np.uint8), axis=0)


def _over(under: Plane, over: Plane, coverage: Plane) -> Plane:
    """``over`` where ``coverage`` is 1, ``under`` where it is 0."""
    towards = over - under
    towards *= coverage[..., None]
    towards += under
    return towards


def _grain(random: RandomState, size: tuple[int, int], amplitude: int) -> Plane:
    """(H, W, 3): noise of a sensor, at most ``amplitude`` from zero."""
    noise = np.frombuffer(random.bytes(size[0] * size[1] * 3), np.uint8).astype(np.float32)
    noise -= 127.5
    noise *= np.float32(amplitude / 127.5)
    return noise.reshape(*size, 3)


def _pixels(canvas: Plane) -> NDArray[np.uint8]:
    return np.rint(canvas).clip(0, 255).astype(np.uint8)
