"""timm folders: ``config.json`` of timm's hub layout, and the weights of a ``VisionTransformer``.

The configuration names the network only; how wide and deep it is, is written in timm's code
(:mod:`.timm_names`), and in ``model_args`` where it departs from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from edgeconv.checkpoints import model_folder, tensor_files, timm_names, vit_names
from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.checkpoints.foreign_config import (
    Colour,
    Configuration,
    Count,
    Finite,
    Scale,
    Sides,
    checked,
    labels_in_order,
)
from edgeconv.checkpoints.vit_names import Layout
from edgeconv.errors import CheckpointError, CorruptCheckpoint
from edgeconv.spec import Input, Resize

CONFIG = "config.json"

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def _layout(norm: str) -> Layout:
    return Layout(
        {
            "patch": "patch_embed.proj",
            "class_token": "cls_token",
            "positions": "pos_embed",
            "pre_norm": "norm_pre",
            "norm1": "blocks.{}.norm1",
            "query": "blocks.{}.attn.qkv",
            "key": "blocks.{}.attn.qkv",
            "value": "blocks.{}.attn.qkv",
            "out": "blocks.{}.attn.proj",
            "scale1": "blocks.{}.ls1.gamma",
            "norm2": "blocks.{}.norm2",
            "up": "blocks.{}.mlp.fc1",
            "down": "blocks.{}.mlp.fc2",
            "scale2": "blocks.{}.ls2.gamma",
            "norm": norm,
            "scores": "head",
        },
        batched=True,
    )


LAYOUTS = {"before_pool": _layout("norm"), "after_pool": _layout("fc_norm")}


class _Prepared(Configuration):
    """What ``pretrained_cfg`` says of pictures, as ``timm.data.resolve_data_config`` reads it."""

    crop_pct: Annotated[Finite, Field(gt=0, le=1)]
    crop_mode: Literal["center", "squash", "border"] = "center"
    interpolation: str
    mean: Colour
    std: Scale


_FILTERS: Mapping[str, Literal["nearest", "bilinear", "bicubic", "lanczos"]] = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "lanczos",
}


class _Config(Configuration):
    architecture: str
    num_classes: Annotated[int, Field(ge=0)]
    global_pool: str | None = None
    pretrained_cfg: dict[str, Any]
    model_args: dict[str, Any] = {}
    label_names: list[str] | dict[str, str] | None = None


class _Made(Configuration):
    img_size: Sides | None = None


class _Pretrained(Configuration):
    input_size: tuple[Literal[3], Count, Count]
    fixed_input_size: bool = False
    label_names: list[str] | dict[str, str] | None = None


def recognises(path: Path) -> bool:
    """Whether this is a folder with a ``config.json`` that names an architecture of timm's."""
    if not path.is_dir() or not (path / CONFIG).is_file():
        return False
    try:
        config = model_folder.json_object(path, CONFIG)
    except CheckpointError:
        return False
    return "architecture" in config and "model_type" not in config


def read(path: Path) -> Checkpoint:
    """Read a folder that timm saved for the hub.

    Returns:
        The checkpoint with what its configuration declares. There are no labels where it names
        none, and no ``output``: timm does not say whether labels exclude each other.

    Raises:
        UnsafeCheckpoint, CorruptCheckpoint: a file is damaged, says what cannot be, or lies outside
            the folder.
        CheckpointMismatch: the tensors are not those of the network.
        CheckpointError: it is another network, or pictures are prepared in another way than ours.
    """
    where = f"{path.name}/{CONFIG}"
    config = checked(_Config, model_folder.json_object(path, CONFIG), where)
    if not config.num_classes:
        raise CheckpointError(f"{where} describes a network without a head", got="num_classes 0")
    pretrained = checked(_Pretrained, config.pretrained_cfg, where)
    size = _size(config, pretrained, where)
    arguments = {"global_pool": config.global_pool, **config.model_args}
    table, layer_scale = timm_names.described(config.architecture, arguments, where)
    network = vit_names.network_of(table, size, where, config.num_classes, layer_scale)
    layout = LAYOUTS[network.options.norm]
    tensors = vit_names.mapped(tensor_files.read(path, _WEIGHTS), layout, network, path.name)
    declared = Declared(
        network.architecture,
        _labels(config, pretrained, where),
        _input(config.pretrained_cfg, size, where),
    )
    return Checkpoint(path, "timm", tensors, declared=declared)


def _size(config: _Config, pretrained: _Pretrained, where: str) -> tuple[int, int]:
    """(height, width) of the pictures: what the network was made for, if that is said."""
    size = pretrained.input_size[1:]
    made_for = checked(_Made, config.model_args, where).img_size or size
    if made_for != size and not pretrained.fixed_input_size:
        raise CheckpointError(
            f"{where} prepares pictures of another size than its positions are for",
            got=f"input_size {size[0]} x {size[1]}",
            expected=f"img_size {made_for[0]} x {made_for[1]}",
        )
    return made_for


def _labels(config: _Config, pretrained: _Pretrained, where: str) -> tuple[str, ...] | None:
    names = config.label_names or pretrained.label_names
    if not names:
        return None
    labels = labels_in_order(names, where)
    if len(labels) != config.num_classes:
        raise CorruptCheckpoint(
            f"{where} does not name every score",
            got=f"{len(labels)} labels",
            expected=f"num_classes {config.num_classes}",
        )
    # A single one leaves open what a low score means.
    return labels if len(labels) > 1 else None


def _input(table: Mapping[str, Any], size: tuple[int, int], where: str) -> Input | None:
    """What ``transforms_imagenet_eval`` of timm does; None where a key of it is not stated."""
    needed = [name for name, key in _Prepared.model_fields.items() if key.is_required()]
    given = {key: value for key, value in table.items() if value is not None}
    if not given.keys() >= set(needed):
        return None
    how = checked(_Prepared, given, where)
    square = size[0] == size[1]
    squash = how.crop_mode == "squash" and how.crop_pct == 1
    if how.interpolation not in _FILTERS or not (squash or (how.crop_mode == "center" and square)):
        raise CheckpointError(
            f"{where} prepares pictures in a way that is not supported",
            got=f"crop_mode {how.crop_mode}, crop_pct {how.crop_pct}, interpolation "
            f"{how.interpolation}, to {size[0]} x {size[1]} pixels",
            expected="center to a square, or squash with crop_pct 1; by " + ", ".join(_FILTERS),
            do="write a TOML with the model's own [input], if you know that it does the same",
        )
    kernel = _FILTERS[how.interpolation]
    if squash:
        resize = Resize(mode="stretch", filter=kernel)
    else:
        resize = Resize(mode="center_crop", filter=kernel, crop=how.crop_pct)
    return Input(size=size, resize=resize, scale=1 / 255, mean=how.mean, std=how.std)
