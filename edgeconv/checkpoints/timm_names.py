"""The vision transformers that timm knows by name, and what its arguments change in them.

From ``timm/models/vision_transformer.py`` and ``deit.py`` of timm 1.0.31. A name that is not listed
may hide any change (``vit_base_patch16_gap_224`` has 16 heads, ``vit_base_patch16_224_miil`` no
bias), so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from edgeconv.checkpoints.foreign_config import (
    Configuration,
    Count,
    Depth,
    Finite,
    Sides,
    checked,
)
from edgeconv.errors import CheckpointError

_WIDTH_DEPTH_HEADS = {
    "tiny": (192, 12, 3),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
    "huge": (1280, 32, 16),
}
_PLAIN = re.compile(r"(vit_(tiny|small|base|large|huge)|deit_(tiny|small|base))_patch(\d+)_(\d+)")
_CLIP = re.compile(r"vit_(base|large|huge)_patch(\d+)_clip_(quickgelu_)?(\d+)")
_SUPPORTED = (
    "vit_{tiny,small,base,large,huge}_patch{P}_{SIZE}, deit_{tiny,small,base}_patch{P}_{SIZE}, "
    "vit_{base,large,huge}_patch{P}_clip_{SIZE} and _clip_quickgelu_{SIZE}"
)


class _Arguments(Configuration):
    """What ``VisionTransformer`` may be given, of timm's own names and defaults."""

    patch_size: Sides
    embed_dim: Count
    depth: Depth
    num_heads: Count
    mlp_ratio: Annotated[Finite, Field(gt=0)] = 4.0
    qkv_bias: bool = True
    class_token: bool = True
    pre_norm: bool = False
    global_pool: Literal["token", "avg"] = "token"
    fc_norm: bool | None = None
    init_values: float | None = None
    act_layer: Literal["gelu", "gelu_tanh", "quick_gelu"] = "gelu"
    in_chans: Literal[3] = 3
    final_norm: Literal[True] = True
    proj_bias: Literal[True] = True
    pos_embed: Literal["learn"] = "learn"


_WITHOUT_EFFECT = re.compile(
    r"img_size|num_classes|dynamic_img_size|strict_img_size|weight_init|fix_init|(.+_)?drop_rate"
    r"|drop_path_rate"
)


def described(
    architecture: str, arguments: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], bool]:
    """The ``[architecture]`` table, without its kind, of a network that timm names.

    Args:
        architecture: timm's name, with or without the tag of its weights.
        arguments: ``model_args``; a null is the name's own default.
        where: the configuration, for the errors.

    Returns:
        The table, and whether each branch ends in a factor a channel (layer scale).

    Raises:
        CheckpointError: the name is not listed, or an argument makes another network of it.
        CorruptCheckpoint: an argument has a value that it cannot have.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    strange = [
        f"{key} {value!r}"
        for key, value in given.items()
        if value is not False
        and key not in _Arguments.model_fields
        and not _WITHOUT_EFFECT.fullmatch(key)
    ]
    if strange:
        raise CheckpointError(
            f"{where} describes a ViT that is not supported",
            got=", ".join(strange[:10]),
            expected="no other arguments than " + ", ".join(_Arguments.model_fields),
        )
    own, eps = _of_name(architecture.partition(".")[0], where)
    known = checked(_Arguments, {**own, **given}, where)
    patch, across = known.patch_size
    if patch != across:
        raise CheckpointError(
            f"{where} describes a ViT that is not supported",
            got=f"patches of {patch} x {across}",
            expected="square patches",
        )
    mean = known.global_pool == "avg"
    after_pool = mean if known.fc_norm is None else known.fc_norm
    table = {
        "patch": patch,
        "width": known.embed_dim,
        "depth": known.depth,
        "heads": known.num_heads,
        "mlp": int(known.embed_dim * known.mlp_ratio),
        "activation": known.act_layer,
        "eps": eps,
        "class_token": known.class_token,
        "pool": "mean" if mean else "token",
        "pre_norm": known.pre_norm,
        "patch_bias": not known.pre_norm,
        "qkv_bias": known.qkv_bias,
        "norm": "after_pool" if after_pool else "before_pool",
    }
    return table, bool(known.init_values)


def _of_name(name: str, where: str) -> tuple[dict[str, Any], float]:
    """The arguments behind a name, and the epsilon of its normalisations."""
    plain, clip = _PLAIN.fullmatch(name), _CLIP.fullmatch(name)
    if plain:
        size, patch = plain[2] or plain[3], plain[4]
    elif clip:
        size, patch = clip[1], clip[2]
    else:
        raise CheckpointError(
            f"{where} names a network that is not supported",
            got=name,
            expected=_SUPPORTED,
            do="how many heads it has, and what else is special in it, the file does not say",
        )
    width, depth, heads = _WIDTH_DEPTH_HEADS[size]
    own: dict[str, Any] = {
        "patch_size": int(patch),
        "embed_dim": width,
        "depth": depth,
        "num_heads": heads,
    }
    if clip:
        activation = "quick_gelu" if clip[3] else "gelu"
        return {**own, "pre_norm": True, "act_layer": activation}, 1e-5
    return own, 1e-6
