"""Pixels as the original libraries make them, one for one: transformers and timm themselves.

They live in the environment of torch: name its interpreter in ``EDGECONV_TORCH_PYTHON``. timm's
transforms are torchvision's; ``pip install --no-deps --target DIR torchvision==0.29.2``, and DIR in
``EDGECONV_TORCHVISION``, does where the index has none for a torch without CUDA.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeconv.normalising import normalise
from edgeconv.parity.scenes import draw_scene
from edgeconv.resizing import resize
from edgeconv.spec import Input, Resize

PYTHON = "EDGECONV_TORCH_PYTHON"
PROCESSORS = Path(__file__).parent / "torch_processors.py"
SIZES = (
    (224, 224), (225, 224), (224, 225), (375, 500), (501, 333), (97, 131), (131, 96), (480, 641),
    (700, 90), (40, 1500), (60, 61), (1, 1), (5, 3), (1, 90), (90, 1),
)  # fmt: skip
"""Heights and widths of the pictures: odd margins, panoramas, and pictures to be enlarged."""

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}

pytestmark = pytest.mark.slow

Case = tuple[str, dict[str, Any], Input]
"""The original's name, its options, and what a spec says instead."""


def vit(height: int, width: int, kernel: Any, on: str = "vit") -> Case:
    options = {
        "size": {"height": height, "width": width},
        "resample": FILTERS[kernel],
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    how = Resize(mode="stretch", filter=kernel)
    half = (0.5, 0.5, 0.5)
    return on, options, Input(size=(height, width), resize=how, scale=1 / 255, mean=half, std=half)


def clip(shorter: int, size: int, kernel: Any, on: str = "clip", scale: float = 1 / 255) -> Case:
    options = {
        "size": {"shortest_edge": shorter},
        "crop_size": {"height": size, "width": size},
        "resample": FILTERS[kernel],
        "rescale_factor": scale,
    }
    how = Resize(mode="center_crop", filter=kernel, crop=size / shorter, offset="floor")
    return (
        on,
        options,
        Input(size=(size, size), resize=how, scale=scale, mean=CLIP_MEAN, std=CLIP_STD),
    )


def timm(height: int, width: int, kernel: Any, crop: float, mode: str) -> Case:
    options = {
        "input_size": [3, height, width],
        "interpolation": kernel,
        "crop_pct": crop,
        "crop_mode": mode,
        "mean": CLIP_MEAN,
        "std": CLIP_STD,
    }
    ours: Any = {"center": "center_crop", "squash": "stretch"}[mode]
    how = Resize(mode=ours, filter=kernel, crop=crop)
    return (
        "timm",
        options,
        Input(size=(height, width), resize=how, scale=1 / 255, mean=CLIP_MEAN, std=CLIP_STD),
    )


HUGGING_FACE = {
    "vit 224 bilinear": vit(224, 224, "bilinear"),
    "vit 384 bicubic": vit(384, 384, "bicubic"),
    "vit 97 lanczos": vit(97, 97, "lanczos"),
    "vit 96 x 131 bilinear": vit(96, 131, "bilinear"),
    "vit 64 nearest": vit(64, 64, "nearest"),
    "clip 224 bicubic": clip(224, 224, "bicubic"),
    "clip 256 to 224 bilinear": clip(256, 224, "bilinear"),
    "clip 257 to 224 bicubic": clip(257, 224, "bicubic"),
    "clip 205 to 112 lanczos": clip(205, 112, "lanczos"),
    "clip 97 nearest": clip(97, 97, "nearest"),
    "clip 99 bicubic, to -1..1": clip(99, 99, "bicubic", scale=2 / 255),
}
TIMM = {
    f"timm {height} x {width} {kernel} {crop} {mode}": timm(height, width, kernel, crop, mode)
    for (height, width), kernel, crop, mode in product(
        [(224, 224), (97, 97), (96, 161)],
        ["bilinear", "bicubic"],
        [0.875, 0.9, 0.95, 1.0],
        ["center", "squash"],
    )
}
ON_TENSORS = {
    "vit on tensors": vit(224, 224, "bilinear", "vit on tensors"),
    "clip on tensors": clip(224, 224, "bicubic", "clip on tensors"),
}

Made = Mapping[str, Mapping[str, NDArray[Any]]]
"""By case, then by picture and what was made of it."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image.Image]:
    """By path without suffix."""
    folder = tmp_path_factory.mktemp("pictures")
    drawn = {
        f"{number:02d}-{height}x{width}": Image.fromarray(draw_scene(number, (height, width)))
        for number, (height, width) in enumerate(SIZES)
    }
    for name, picture in drawn.items():
        picture.save(folder / f"{name}.png")
    return {str(folder / name): picture for name, picture in drawn.items()}


@pytest.fixture(scope="module")
def hugging_face(
    pictures: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> Made:
    return run_originals(HUGGING_FACE, "transformers", pictures, tmp_path_factory.mktemp("hf"))


@pytest.fixture(scope="module")
def with_torchvision(
    pictures: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> Made:
    out = tmp_path_factory.mktemp("torchvision")
    return run_originals(TIMM | ON_TENSORS, "transformers, timm.data", pictures, out)


def run_originals(
    cases: Mapping[str, Case], needs: str, pictures: Mapping[str, Image.Image], out: Path
) -> Made:
    """Skips where the libraries are not."""
    python = os.environ.get(PYTHON, sys.executable)
    imports = f"import sys; sys.path.insert(0, {str(PROCESSORS.parent)!r}); "
    probe = [python, "-c", f"{imports}import torch_processors, {needs}"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{python} cannot import {needs}; see the head of this file")
    asked = {name: [processor, options] for name, (processor, options, _) in cases.items()}
    (out / "cases.json").write_text(json.dumps(asked))
    folder = Path(next(iter(pictures))).parent
    command = [python, PROCESSORS, folder, out / "cases.json", out]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return {name: np.load(out / f"{name}.npz") for name in cases}


def differing(
    pictures: Mapping[str, Image.Image], how: Input, expected: Mapping[str, NDArray[Any]]
) -> list[str]:
    """The pictures that come out otherwise, in as little as one pixel."""
    return [
        Path(name).name
        for name, picture in pictures.items()
        if not np.array_equal(resize(picture, how), expected[f"{Path(name).name}.pixels"])
    ]


def worst_normalised(
    pictures: Mapping[str, Image.Image], how: Input, expected: Mapping[str, NDArray[Any]]
) -> float:
    worst = 0.0
    for name, picture in pictures.items():
        ours = normalise(resize(picture, how), how)
        off = np.abs(ours - expected[f"{Path(name).name}.normalised"])
        worst = max(worst, float(off.max()))
    return worst


@pytest.mark.parametrize("case", HUGGING_FACE)
def test_transformers(case: str, pictures: dict[str, Image.Image], hugging_face: Made) -> None:
    how = HUGGING_FACE[case][2]
    assert differing(pictures, how, hugging_face[case]) == []
    assert worst_normalised(pictures, how, hugging_face[case]) < 1e-6


@pytest.mark.parametrize("case", TIMM)
def test_timm(case: str, pictures: dict[str, Image.Image], with_torchvision: Made) -> None:
    how = TIMM[case][2]
    assert differing(pictures, how, with_torchvision[case]) == []
    assert worst_normalised(pictures, how, with_torchvision[case]) < 1e-6


@pytest.mark.parametrize(
    "change",
    [{"offset": "round"}, {"filter": "bilinear"}, {"crop": 224 / 256}, {"antialias": False}],
)
def test_another_preprocessing_is_seen(
    change: dict[str, Any], pictures: dict[str, Image.Image], hugging_face: Made
) -> None:
    how = HUGGING_FACE["clip 257 to 224 bicubic"][2]
    wrong = how.model_copy(update={"resize": how.resize.model_copy(update=change)})
    assert differing(pictures, wrong, hugging_face["clip 257 to 224 bicubic"])


def test_another_normalisation_is_seen(
    pictures: dict[str, Image.Image], hugging_face: Made
) -> None:
    how = HUGGING_FACE["clip 224 bicubic"][2].model_copy(update={"mean": (0.5, 0.5, 0.5)})
    assert worst_normalised(pictures, how, hugging_face["clip 224 bicubic"]) > 0.1


@pytest.mark.parametrize("case", ON_TENSORS)
def test_on_tensors_transformers_differs_by_little(
    case: str, pictures: dict[str, Image.Image], with_torchvision: Made
) -> None:
    """Its default where torchvision is. The card of falconsai-vit-base states these figures."""
    how, made = ON_TENSORS[case][2], with_torchvision[case]
    shares = {True: 0.0, False: 0.0}
    for name, picture in pictures.items():
        off = np.abs(resize(picture, how).astype(int) - made[f"{Path(name).name}.pixels"])
        assert off.max() <= (1 if min(picture.size) > 10 else 2)
        upright = picture.height > picture.width
        shares[upright] = max(shares[upright], float((off > 0).mean()))
    assert 0 < shares[False] < 0.01
    # Pillow 13 scales a tall picture down before it scales it across; torch never does.
    assert shares[True] < 0.25
