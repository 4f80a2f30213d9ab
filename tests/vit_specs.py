"""Small vision transformers for tests, with weights that matter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.spec import ModelSpec

SIZE = (32, 48)


def vit_spec(
    size: tuple[int, int] = SIZE, labels: int = 4, kind: str = "softmax", **options: Any
) -> ModelSpec:
    """Patches of 8, 48 wide, 3 blocks of 3 heads; ``options`` change the table."""
    table = {"kind": "vit", "patch": 8, "width": 48, "depth": 3, "heads": 3, "mlp": 96, **options}
    return ModelSpec.model_validate(
        {
            "name": "small-vit",
            "basename": "SmallViT",
            "summary": "for a test",
            "labels": [f"label {number}" for number in range(labels)],
            "architecture": table,
            "input": {"size": list(size), "scale": "1/255", "mean": [0.5] * 3, "std": [0.25] * 3},
            "output": {"kind": kind},
            "checkpoint": {"formats": ["safetensors"]},
        }
    )


def randomised_vit(model: Any, seed: int = 0) -> Any:
    """The model with weights under which its scores vary with the picture."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        spread = 0.2
        if "kernel" in weight.name:
            spread = 1.3 * np.prod(weight.shape[:-1]) ** -0.5
        values = generator.normal(0, spread, weight.shape)
        weight.assign((values + ("gamma" in weight.name)).astype(np.float32))
    return model


def vit_pixels(count: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """RGB pixels (N, H, W, 3): plain colours with noise over them."""
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 256, (count, 1, 1, 3))
    noise = generator.integers(-60, 61, (count, *size, 3))
    return (colours + noise).clip(0, 255).astype(np.uint8)
