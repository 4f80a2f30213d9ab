"""What the original libraries make of pictures; runs where torch is.

    python torch_processors.py PICTURES CASES OUT

PICTURES is a folder of PNG files, CASES a JSON object: name -> ``[processor, options]``, a key of
``PROCESSORS`` and the options of its constructor. ``OUT/NAME.npz`` holds for each picture
``PICTURE.pixels``, uint8 (height, width, 3), and ``PICTURE.normalised``, float32, likewise.

torchvision need not be installed: ``EDGECONV_TORCHVISION`` names a folder that pip put it in with
``--target``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# torchvision's wheel is built for CUDA and describes operators that torch without CUDA cannot load.
# Nothing here uses them.
if folder := os.environ.get("EDGECONV_TORCHVISION"):
    sys.path.append(folder)
for name in ("_meta_registrations", "_autograd_registrations"):
    sys.modules[f"torchvision.{name}"] = ModuleType(name)

Make = Callable[[Image.Image], NDArray[Any]]


def hugging_face(kind: str) -> Callable[..., tuple[Make, Make]]:
    def processor(**options: Any) -> tuple[Make, Make]:
        import transformers

        make = getattr(transformers, kind)(**options)

        def run(image: Image.Image, **changed: Any) -> NDArray[Any]:
            batch = make(image, return_tensors="np", **changed)["pixel_values"]
            return np.asarray(batch)[0].transpose(1, 2, 0)

        return lambda image: run(image, do_rescale=False, do_normalize=False), run

    return processor


def timm(**options: Any) -> tuple[Make, Make]:
    from timm.data import create_transform

    def run(image: Image.Image, normalize: bool) -> NDArray[Any]:
        tensor = create_transform(**options, normalize=normalize)(image)
        return tensor.numpy().transpose(1, 2, 0)

    return lambda image: run(image, normalize=False), lambda image: run(image, normalize=True)


PROCESSORS = {
    "vit": hugging_face("ViTImageProcessorPil"),
    "clip": hugging_face("CLIPImageProcessorPil"),
    "vit on tensors": hugging_face("ViTImageProcessor"),
    "clip on tensors": hugging_face("CLIPImageProcessor"),
    "timm": timm,
}


def main(pictures: Path, cases: Path, out: Path) -> None:
    for case, (processor, options) in json.loads(cases.read_text()).items():
        pixels, normalised = PROCESSORS[processor](**options)
        made = {}
        for path in sorted(pictures.glob("*.png")):
            image = Image.open(path)
            whole = pixels(image)
            made[f"{path.stem}.pixels"] = whole.astype(np.uint8)
            assert np.array_equal(whole, made[f"{path.stem}.pixels"])
            made[f"{path.stem}.normalised"] = normalised(image).astype(np.float32)
        np.savez(out / f"{case}.npz", **made)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
