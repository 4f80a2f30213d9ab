"""open_clip folders: ``open_clip_config.json`` and the weights of a whole CLIP.

Read is the vision tower, where it is open_clip's own ``VisionTransformer``. Keys that are left out
mean the defaults of ``CLIPVisionCfg`` and ``PreprocessCfg`` of open_clip 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from edgeconv.checkpoints import model_folder, tensor_files, vit_names
from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.checkpoints.foreign_config import (
    Colour,
    Configuration,
    Count,
    Depth,
    Finite,
    Scale,
    Sides,
    checked,
)
from edgeconv.checkpoints.vit_names import Layout, Network
from edgeconv.errors import CheckpointError
from edgeconv.spec import Input, Resize

CONFIG = "open_clip_config.json"

_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_BLOCK = "visual.transformer.resblocks.{}."

LAYOUT = Layout(
    {
        "patch": "visual.conv1",
        "class_token": "visual.class_embedding",
        "positions": "visual.positional_embedding",
        "pre_norm": "visual.ln_pre",
        "norm1": f"{_BLOCK}ln_1",
        "query": f"{_BLOCK}attn.in_proj_",
        "key": f"{_BLOCK}attn.in_proj_",
        "value": f"{_BLOCK}attn.in_proj_",
        "out": f"{_BLOCK}attn.out_proj",
        "scale1": f"{_BLOCK}ls_1.gamma",
        "norm2": f"{_BLOCK}ln_2",
        "up": f"{_BLOCK}mlp.c_fc",
        "down": f"{_BLOCK}mlp.c_proj",
        "scale2": f"{_BLOCK}ls_2.gamma",
        "norm": "visual.ln_post",
        "projection": "visual.proj",
    },
    projection_is_kernel=True,
    # The text tower, in the layout of CLIP or of CustomTextCLIP, and what compares the two.
    ignored=re.compile(
        r"(text|transformer|token_embedding|ln_final)\..+"
        r"|positional_embedding|text_projection|attn_mask|logit_scale|logit_bias"
    ),
)


class _Vision(Configuration):
    """``CLIPVisionCfg``."""

    layers: Depth | list[int] = 12
    width: Count = 768
    head_width: Count = 64
    mlp_ratio: Annotated[Finite, Field(gt=0)] = 4.0
    patch_size: Count = 16
    image_size: Sides = (224, 224)
    ls_init_value: float | None = None
    no_ln_pre: bool = False
    final_ln_after_pool: bool = False
    pool_type: str = "tok"


# What else CLIPVisionCfg knows: without effect on scores, or refused unless it is off.
_OF_OTHER_TOWERS = """
    patch_dropout attn_pooler_queries attn_pooler_heads pos_embed_type output_tokens
    timm_model_pretrained timm_pool timm_proj timm_proj_bias timm_drop timm_drop_path
"""
_WITHOUT_EFFECT = frozenset(_OF_OTHER_TOWERS.split())
_POOLS: Mapping[str, Literal["token", "mean"]] = {"tok": "token", "avg": "mean"}


class _Model(Configuration):
    embed_dim: Count
    vision_cfg: dict[str, Any]
    quick_gelu: bool = False


class _Preprocessing(Configuration):
    """``PreprocessCfg``. open_clip's own files always state mean and std."""

    mean: Colour
    std: Scale
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    resize_mode: Literal["shortest", "squash", "longest"] = "shortest"


def recognises(path: Path) -> bool:
    """Whether this is a folder with an ``open_clip_config.json`` and weights of its names."""
    return (
        path.is_dir()
        and (path / CONFIG).is_file()
        and tensor_files.found(path, _WEIGHTS) is not None
    )


def read(path: Path) -> Checkpoint:
    """Read the vision tower of a CLIP that open_clip saved; the text tower is left out.

    Returns:
        The checkpoint with what its configuration declares: no labels and no ``output``, for the
        tower gives features; no ``input`` where there is no ``preprocess_cfg``.

    Raises:
        UnsafeCheckpoint, CorruptCheckpoint: a file is damaged, says what cannot be, or lies outside
            the folder.
        CheckpointMismatch: the tensors are not those that the configuration describes.
        CheckpointError: the tower is another network, or pictures are prepared in another way than
            ours.
    """
    where = f"{path.name}/{CONFIG}"
    config = model_folder.json_object(path, CONFIG)
    model = checked(_Model, config.get("model_cfg") or {}, where)
    vision = checked(_Vision, model.vision_cfg, where)
    network = _network(model, vision, where)
    tensors = vit_names.mapped(tensor_files.read(path, _WEIGHTS), LAYOUT, network, path.name)
    prepared = _input(config.get("preprocess_cfg"), vision.image_size, where)
    declared = Declared(network.architecture, input=prepared)
    return Checkpoint(path, "open_clip", tensors, declared=declared)


def _network(model: _Model, vision: _Vision, where: str) -> Network:
    known = _Vision.model_fields.keys() | _WITHOUT_EFFECT
    strange = [f"{key} {on!r}" for key, on in model.vision_cfg.items() if on and key not in known]
    if isinstance(vision.layers, list):
        strange.append(f"layers {vision.layers} (a ResNet)")
    if vision.pool_type not in _POOLS:
        strange.append(f"pool_type {vision.pool_type!r}")
    if strange or isinstance(vision.layers, list):
        raise CheckpointError(
            f"{where} describes a tower that is not supported",
            got=", ".join(strange),
            expected="open_clip's own vision transformer, pooled by token or mean",
        )
    table = {
        "patch": vision.patch_size,
        "width": vision.width,
        "depth": vision.layers,
        "heads": vision.width // vision.head_width,
        "mlp": int(vision.width * vision.mlp_ratio),
        "activation": "quick_gelu" if model.quick_gelu else "gelu",
        "eps": 1e-5,
        "pool": _POOLS[vision.pool_type],
        "pre_norm": not vision.no_ln_pre,
        "patch_bias": False,
        "norm": "after_pool" if vision.final_ln_after_pool else "before_pool",
        "projection": model.embed_dim,
    }
    layer_scale = vision.ls_init_value is not None
    return vit_names.network_of(table, vision.image_size, where, layer_scale=layer_scale)


def _input(table: Any, size: tuple[int, int], where: str) -> Input | None:
    """What ``image_transform`` of open_clip does to evaluate."""
    if not isinstance(table, dict):
        return None
    how = checked(_Preprocessing, table, where)
    height, width = size
    if how.resize_mode == "longest" or (how.resize_mode == "shortest" and height != width):
        raise CheckpointError(
            f"{where} prepares pictures in a way that is not supported",
            got=f"resize_mode {how.resize_mode!r} to {height} x {width} pixels",
            expected="squash, or shortest to a square",
            do="write a TOML with the model's own [input], if you know that it does the same",
        )
    mode = "stretch" if how.resize_mode == "squash" else "center_crop"
    resize = Resize(mode=mode, filter=how.interpolation)
    return Input(size=size, resize=resize, scale=1 / 255, mean=how.mean, std=how.std)
