"""Hugging Face image processors: ``preprocessor_config.json`` as our ``[input]``.

Keys that are left out mean the defaults of the processor's class (``ViTImageProcessor`` and
``CLIPImageProcessor`` of transformers 5, which are those of the older feature extractors). The
newer processors resize with torchvision and the older ones with Pillow, whose pixels ours are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from edgeconv.checkpoints import model_folder
from edgeconv.checkpoints.foreign_config import (
    Colour,
    Configuration,
    Count,
    Finite,
    Scale,
    checked,
)
from edgeconv.errors import CheckpointError
from edgeconv.spec import Input, Resize

_FILES = ("processor_config.json", "preprocessor_config.json")
_NESTED = "image_processor"

_VIT: Mapping[str, Any] = {
    "do_resize": True,
    "size": {"height": 224, "width": 224},
    "resample": 2,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": (0.5, 0.5, 0.5),
    "image_std": (0.5, 0.5, 0.5),
    "default_to_square": True,
}
_CLIP: Mapping[str, Any] = {
    **_VIT,
    "size": {"shortest_edge": 224},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
    "default_to_square": False,
}
_DEFAULTS = {
    "ViTImageProcessor": _VIT,
    "ViTImageProcessorFast": _VIT,
    "ViTFeatureExtractor": _VIT,
    "CLIPImageProcessor": _CLIP,
    "CLIPImageProcessorFast": _CLIP,
    "CLIPFeatureExtractor": _CLIP,
}
_OF_MODEL_TYPE = {
    "vit": "ViTImageProcessor",
    "clip": "CLIPImageProcessor",
    "clip_vision_model": "CLIPImageProcessor",
}
"""What transformers takes where the file does not name a class."""

_CLASS = ("image_processor_type", "feature_extractor_type")
_NO_STEPS = """
    image_processor_type feature_extractor_type processor_class do_convert_rgb data_format
    input_data_format device return_tensors disable_grouping _valid_processor_keys
"""
_WITHOUT_EFFECT = frozenset(_NO_STEPS.split())

_BOX, _EDGE = {"height", "width"}, {"shortest_edge"}

# Numbers of PIL.Image.Resampling.
_FILTERS: Mapping[int, Literal["nearest", "lanczos", "bilinear", "bicubic"]] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
}


_Sides = dict[str, Count | None]


class _Processor(Configuration):
    do_resize: bool
    size: _Sides
    resample: int
    do_center_crop: bool
    crop_size: _Sides = {}
    do_rescale: bool
    rescale_factor: Annotated[Finite, Field(gt=0)]
    do_normalize: bool
    image_mean: Colour
    image_std: Scale


def declared_input(folder: Path, model_type: str, size: tuple[int, int]) -> Input | None:
    """How a folder's image processor prepares pictures.

    Args:
        folder: the checkpoint.
        model_type: ``vit``, ``clip`` or ``clip_vision_model``.
        size: (height, width) that the network takes.

    Returns:
        None where the folder has no image processor.

    Raises:
        UnsafeCheckpoint, CorruptCheckpoint: the file is damaged or lies outside the folder.
        CheckpointError: it prepares pictures in a way that ours does not know, or to another size.
    """
    found = _found(folder)
    if found is None:
        return None
    where, table = found
    processor = _processor(table, model_type, where)
    if not processor.do_resize:
        raise _unknown(where, "do_resize false", "pictures are always brought to the model's size")
    prepared, resize = _geometry(processor, where)
    if prepared != size:
        raise _unknown(where, _times(prepared), f"the {_times(size)} that the network takes")
    scale = processor.rescale_factor if processor.do_rescale else 1.0
    if not processor.do_normalize:
        return Input(size=size, resize=resize, scale=scale)
    return Input(
        size=size, resize=resize, scale=scale, mean=processor.image_mean, std=processor.image_std
    )


def crop_share(side: int, scaled: int) -> float:
    """The ``crop`` with which the shorter side is scaled to just ``scaled`` pixels for ``side``.

    That is ``side / scaled``, or the number below it where rounding would lose a pixel.
    """
    share = side / scaled
    return share if math.floor(side / share) == scaled else math.nextafter(share, 0.0)


def _found(folder: Path) -> tuple[str, Mapping[str, Any]] | None:
    """Where the image processor is described, and how; what is nested comes first."""
    for name in _FILES:
        if not (folder / name).is_file():
            continue
        whole = model_folder.json_object(folder, name)
        table = whole.get(_NESTED) if name == _FILES[0] else whole
        if isinstance(table, dict):
            return f"{folder.name}/{name}", table
    return None


def _processor(table: Mapping[str, Any], model_type: str, where: str) -> _Processor:
    """The processor with its class's defaults; a null is a default, as in transformers."""
    given = {key: value for key, value in table.items() if value is not None}
    name = next((given[key] for key in _CLASS if key in given), _OF_MODEL_TYPE[model_type])
    if not isinstance(name, str) or name not in _DEFAULTS:
        raise _unknown(where, f"the processor {name}", "one of " + ", ".join(_DEFAULTS))
    strange = [
        f"{key} {value!r}"
        for key, value in given.items()
        if key not in _CLIP and key not in _WITHOUT_EFFECT and value is not False
    ]
    if strange:
        raise _unknown(where, ", ".join(strange[:10]), "no other steps than " + ", ".join(_CLIP))
    whole = {**_DEFAULTS[name], **given}
    for key, square in (("size", whole["default_to_square"]), ("crop_size", True)):
        side = whole.get(key)
        if type(side) is int:
            whole[key] = {"height": side, "width": side} if square else {"shortest_edge": side}
    return checked(_Processor, whole, where)


def _geometry(processor: _Processor, where: str) -> tuple[tuple[int, int], Resize]:
    """The (height, width) that pictures are brought to, and how."""
    if processor.resample not in _FILTERS:
        raise _unknown(
            where,
            f"resample {processor.resample}",
            ", ".join(f"{number} ({name})" for number, name in _FILTERS.items()),
        )
    kernel = _FILTERS[processor.resample]
    size, crop = _given(processor.size), None
    if processor.do_center_crop:
        crop = _given(processor.crop_size)
    if size.keys() == _BOX and crop in (None, size):
        return _box(size), Resize(mode="stretch", filter=kernel)
    if size.keys() == _EDGE and crop is not None and crop.keys() == _BOX:
        side, edge = crop["height"], size["shortest_edge"]
        if side == crop["width"] <= edge:
            share = crop_share(side, edge)
            how = Resize(mode="center_crop", filter=kernel, crop=share, offset="floor")
            return _box(crop), how
    raise _unknown(
        where,
        f"size {size}, cropped to {crop or 'nothing'}",
        "height and width; or shortest_edge, cropped to a square that is no larger",
    )


def _given(sides: _Sides) -> dict[str, int]:
    return {name: side for name, side in sides.items() if side is not None}


def _box(sides: Mapping[str, int]) -> tuple[int, int]:
    return sides["height"], sides["width"]


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"


def _unknown(where: str, got: str, expected: str) -> CheckpointError:
    return CheckpointError(
        f"{where} prepares pictures in a way that is not supported",
        got=got,
        expected=expected,
        do="write a TOML with the model's own [input], if you know that it does the same",
    )
