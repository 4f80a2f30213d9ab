"""Hugging Face folders: ``config.json``, ``preprocessor_config.json`` and the weights.

A ViT for image classification, and CLIP's vision tower, alone or out of a whole CLIP. Where the
configuration leaves a key out, it means the default of its class (``ViTConfig``,
``CLIPVisionConfig`` of transformers 5): newer versions write only what differs from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from edgeconv.architectures.vit_options import Activation
from edgeconv.checkpoints import image_processor, model_folder, open_clip, tensor_files, vit_names
from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.checkpoints.foreign_config import (
    Configuration,
    Count,
    Depth,
    Sides,
    checked,
    labels_in_order,
)
from edgeconv.checkpoints.vit_names import Layout, Network
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from edgeconv.spec import Output

CONFIG = "config.json"

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_DEFAULT_LABELS = 2

_ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
}


def _vit_layout(body: str, blocks: str, parts: Mapping[str, str]) -> Layout:
    return Layout(
        {
            "patch": f"{body}embeddings.patch_embeddings.projection",
            "class_token": f"{body}embeddings.cls_token",
            "positions": f"{body}embeddings.position_embeddings",
            "norm": f"{body}layernorm",
            "scores": "classifier",
            **{ours: f"{body}{blocks}.{{}}.{theirs}" for ours, theirs in parts.items()},
        },
        batched=True,
        # The pooler and the mask token belong to other heads of the same body.
        ignored=re.compile(
            rf"({re.escape(body)})(pooler\.dense\.(weight|bias)|embeddings\.mask_token)"
        ),
    )


_ON_DISK = {
    "norm1": "layernorm_before",
    "query": "attention.attention.query",
    "key": "attention.attention.key",
    "value": "attention.attention.value",
    "out": "attention.output.dense",
    "norm2": "layernorm_after",
    "up": "intermediate.dense",
    "down": "output.dense",
}
_IN_MEMORY = {
    "norm1": "layernorm_before",
    "query": "attention.q_proj",
    "key": "attention.k_proj",
    "value": "attention.v_proj",
    "out": "attention.o_proj",
    "norm2": "layernorm_after",
    "up": "mlp.fc1",
    "down": "mlp.fc2",
}

VIT = _vit_layout("vit.", "encoder.layer", _ON_DISK)
"""What all versions write to disk."""

VIT_IN_MEMORY = _vit_layout("vit.", "layers", _IN_MEMORY)
"""What ``state_dict()`` gives since transformers 5."""

VIT_BODY = _vit_layout("", "encoder.layer", _ON_DISK)
"""A ViT without a head, as it is published to be fine-tuned."""

VIT_BODY_IN_MEMORY = _vit_layout("", "layers", _IN_MEMORY)

# The text tower, what compares the two, and positions' numbers, which older versions wrote.
_NO_PART_OF_CLIP = re.compile(
    r"text_model\..+|text_projection\.weight|logit_scale|(vision_model\.)?embeddings\.position_ids"
)


def _clip_layout(prefix: str) -> Layout:
    block = prefix + "encoder.layers.{}."
    return Layout(
        {
            "patch": f"{prefix}embeddings.patch_embedding",
            "class_token": f"{prefix}embeddings.class_embedding",
            "positions": f"{prefix}embeddings.position_embedding.weight",
            "pre_norm": f"{prefix}pre_layrnorm",
            "norm1": f"{block}layer_norm1",
            "query": f"{block}self_attn.q_proj",
            "key": f"{block}self_attn.k_proj",
            "value": f"{block}self_attn.v_proj",
            "out": f"{block}self_attn.out_proj",
            "norm2": f"{block}layer_norm2",
            "up": f"{block}mlp.fc1",
            "down": f"{block}mlp.fc2",
            "norm": f"{prefix}post_layernorm",
            "projection": "visual_projection",
        },
        ignored=_NO_PART_OF_CLIP,
    )


CLIP = _clip_layout("vision_model.")
CLIP_TOWER = _clip_layout("")
"""A vision tower alone as transformers 5 writes it."""


class _Vit(Configuration):
    """``ViTConfig``."""

    hidden_size: Count = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Count = 12
    intermediate_size: Count = 3072
    hidden_act: str = "gelu"
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-12
    image_size: Sides = (224, 224)
    patch_size: Sides = (16, 16)
    num_channels: Literal[3] = 3
    qkv_bias: bool = True


class _ClipVision(_Vit):
    """``CLIPVisionConfig``."""

    hidden_act: str = "quick_gelu"
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    patch_size: Sides = (32, 32)
    projection_dim: Count = 512


class _Head(Configuration):
    """What ``PreTrainedConfig`` says of a classifier."""

    id2label: dict[str, str] | None = None
    num_labels: Count | None = None
    problem_type: str | None = None


class _Clip(Configuration):
    """``CLIPConfig``. Where both tables of the tower are there, transformers takes the second."""

    vision_config: dict[str, Any] | None = None
    vision_config_dict: dict[str, Any] | None = None
    projection_dim: Count = 512


@dataclass(frozen=True)
class _Model:
    """What ``config.json`` describes; ``size`` is (height, width) of the pictures."""

    network: Network
    layouts: tuple[Layout, ...]
    size: tuple[int, int]
    labels: tuple[str, ...] | None = None
    output: Output | None = None


def recognises(path: Path) -> bool:
    """Whether this is a folder with a ``config.json``, and not only open_clip's own weights."""
    if not path.is_dir() or not (path / CONFIG).is_file():
        return False
    return tensor_files.found(path, _WEIGHTS) is not None or not open_clip.recognises(path)


def read(path: Path) -> Checkpoint:
    """Read a folder that transformers saved.

    The text tower of a whole CLIP is left out, and so are the pooler and the mask token of a ViT.
    Labels that transformers made up itself (``LABEL_0``) count as none.

    Returns:
        The checkpoint with what its configuration declares; no ``input`` where there is no
        ``preprocessor_config.json``, and neither labels nor ``output`` for a tower.

    Raises:
        UnsafeCheckpoint: it wants code of its own, or a file lies outside the folder.
        CorruptCheckpoint: a file is damaged, or says what cannot be.
        CheckpointMismatch: the tensors are not those that the configuration describes.
        CheckpointError: it is another network, or pictures are prepared in another way than ours.
    """
    where = path.name
    config = model_folder.json_object(path, CONFIG)
    model = _described(config, where)
    tensors = tensor_files.read(path, _WEIGHTS)
    layout = vit_names.layout_of(tensors, model.layouts)
    return Checkpoint(
        path,
        "huggingface",
        vit_names.mapped(tensors, layout, model.network, where),
        declared=Declared(
            model.network.architecture,
            model.labels,
            image_processor.declared_input(path, config["model_type"], model.size),
            model.output,
        ),
    )


def _described(config: Mapping[str, Any], where: str) -> _Model:
    if config.get("auto_map"):
        raise UnsafeCheckpoint(
            f"{where} wants code of its own; nothing of it was run",
            got=f"auto_map in {CONFIG}",
            do="a network that transformers itself knows can be read",
        )
    kind, names = config.get("model_type"), config.get("architectures")
    found = (kind, *names) if isinstance(names, list) else ()
    describe = next((_NETWORKS[known] for known in _NETWORKS if known == found), None)
    if describe is None:
        raise CheckpointError(
            f"{where} is a network that is not supported",
            got=f"model_type {kind!r}, architectures {names!r}",
            expected="one of " + ", ".join(f"{name} ({kind})" for kind, name in _NETWORKS),
            do="a plain ViT that classifies, or CLIP, can be read",
        )
    return describe(config, f"{where}/{CONFIG}")


def _vit(config: Mapping[str, Any], where: str) -> _Model:
    vit, head = checked(_Vit, config, where), checked(_Head, config, where)
    scores = len(head.id2label) if head.id2label else head.num_labels or _DEFAULT_LABELS
    return _Model(
        _network(vit, where, scores, norm="before_pool", qkv_bias=vit.qkv_bias),
        (VIT, VIT_IN_MEMORY),
        vit.image_size,
        _labels(head, where),
        _output(head, scores, where),
    )


def _vit_body(config: Mapping[str, Any], where: str) -> _Model:
    vit = checked(_Vit, config, where)
    network = _network(vit, where, norm="before_pool", qkv_bias=vit.qkv_bias)
    return _Model(network, (VIT_BODY, VIT_BODY_IN_MEMORY), vit.image_size)


def _clip(config: Mapping[str, Any], where: str) -> _Model:
    clip = checked(_Clip, config, where)
    tower = clip.vision_config_dict or clip.vision_config or {}
    return _clip_vision({**tower, "projection_dim": clip.projection_dim}, where)


def _clip_vision(config: Mapping[str, Any], where: str) -> _Model:
    tower = checked(_ClipVision, config, where)
    network = _network(
        tower, where, pre_norm=True, patch_bias=False, projection=tower.projection_dim
    )
    return _Model(network, (CLIP, CLIP_TOWER), tower.image_size)


def _clip_without_projection(config: Mapping[str, Any], where: str) -> _Model:
    tower = checked(_ClipVision, config, where)
    network = _network(tower, where, pre_norm=True, patch_bias=False)
    return _Model(network, (CLIP, CLIP_TOWER), tower.image_size)


_NETWORKS: Mapping[tuple[str, str], Callable[[Mapping[str, Any], str], _Model]] = {
    ("vit", "ViTForImageClassification"): _vit,
    ("vit", "ViTModel"): _vit_body,
    ("clip", "CLIPModel"): _clip,
    ("clip_vision_model", "CLIPVisionModelWithProjection"): _clip_vision,
    ("clip_vision_model", "CLIPVisionModel"): _clip_without_projection,
}
"""What can be read, by ``model_type`` and the one name in ``architectures``."""


def _network(tower: _Vit, where: str, scores: int | None = None, **options: Any) -> Network:
    patch, across = tower.patch_size
    if patch != across or tower.hidden_act not in _ACTIVATIONS:
        raise CheckpointError(
            f"{where} describes a ViT that is not supported",
            got=f"patch_size {patch} x {across}, hidden_act {tower.hidden_act!r}",
            expected="square patches, and one of " + ", ".join(_ACTIVATIONS),
        )
    table = {
        "patch": patch,
        "width": tower.hidden_size,
        "depth": tower.num_hidden_layers,
        "heads": tower.num_attention_heads,
        "mlp": tower.intermediate_size,
        "activation": _ACTIVATIONS[tower.hidden_act],
        "eps": tower.layer_norm_eps,
        **options,
    }
    return vit_names.network_of(table, tower.image_size, where, scores)


def _labels(head: _Head, where: str) -> tuple[str, ...] | None:
    if not head.id2label:
        return None
    labels = labels_in_order(head.id2label, where)
    made_up = all(re.fullmatch(r"LABEL_[0-9]+", label) for label in labels)
    return None if made_up or len(labels) == 1 else labels


def _output(head: _Head, scores: int, where: str) -> Output | None:
    """What transformers' own pipeline makes of the logits.

    One logit may be a probability or any number: the configuration does not say.
    """
    if scores == 1 or head.problem_type == "regression":
        return None
    if head.problem_type == "multi_label_classification":
        return Output(kind="multi-label")
    if head.problem_type in {None, "single_label_classification"}:
        return Output(kind="softmax")
    raise CorruptCheckpoint(
        f"{where} names no kind of scores", got=f"problem_type {head.problem_type!r}"
    )
