"""Folders as transformers, timm and open_clip write them, put together by hand and very small.

A vision transformer of two blocks with 8 channels, two heads and 12 hidden, on pictures of
8 x 8 pixels in patches of 4.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

Arrays = dict[str, NDArray[np.float32]]
Change = Callable[[dict[str, Any]], object]


def arrays(shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    generator = np.random.default_rng(3)
    return {name: generator.normal(size=side).astype(np.float32) for name, side in shapes.items()}


def linear(name: str, out: int, length: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, length), f"{name}.bias": (out,)}


def norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (8,), f"{name}.bias": (8,)}


def hugging_face_block(prefix: str) -> dict[str, tuple[int, ...]]:
    return {
        **norm(f"{prefix}.layernorm_before"),
        **linear(f"{prefix}.attention.attention.query", 8, 8),
        **linear(f"{prefix}.attention.attention.key", 8, 8),
        **linear(f"{prefix}.attention.attention.value", 8, 8),
        **linear(f"{prefix}.attention.output.dense", 8, 8),
        **norm(f"{prefix}.layernorm_after"),
        **linear(f"{prefix}.intermediate.dense", 12, 8),
        **linear(f"{prefix}.output.dense", 8, 12),
    }


HUGGING_FACE = {
    "vit.embeddings.cls_token": (1, 1, 8),
    "vit.embeddings.position_embeddings": (1, 5, 8),
    "vit.embeddings.patch_embeddings.projection.weight": (8, 3, 4, 4),
    "vit.embeddings.patch_embeddings.projection.bias": (8,),
    **hugging_face_block("vit.encoder.layer.0"),
    **hugging_face_block("vit.encoder.layer.1"),
    **norm("vit.layernorm"),
    **linear("classifier", 3, 8),
}
HUGGING_FACE_CONFIG = {
    "architectures": ["ViTForImageClassification"],
    "hidden_size": 8,
    "id2label": {"0": "Drawing", "1": "Neutral", "2": "Porn"},
    "image_size": 8,
    "intermediate_size": 12,
    "model_type": "vit",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "patch_size": 4,
    "problem_type": "single_label_classification",
}
HUGGING_FACE_PROCESSOR = {
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor",
    "resample": 2,
    "size": {"height": 8, "width": 8},
}


def clip_block(prefix: str) -> dict[str, tuple[int, ...]]:
    return {
        **norm(f"{prefix}.layer_norm1"),
        **linear(f"{prefix}.self_attn.q_proj", 8, 8),
        **linear(f"{prefix}.self_attn.k_proj", 8, 8),
        **linear(f"{prefix}.self_attn.v_proj", 8, 8),
        **linear(f"{prefix}.self_attn.out_proj", 8, 8),
        **norm(f"{prefix}.layer_norm2"),
        **linear(f"{prefix}.mlp.fc1", 12, 8),
        **linear(f"{prefix}.mlp.fc2", 8, 12),
    }


CLIP = {
    "logit_scale": (),
    "text_projection.weight": (6, 16),
    "text_model.final_layer_norm.weight": (16,),
    "vision_model.embeddings.class_embedding": (8,),
    "vision_model.embeddings.position_embedding.weight": (5, 8),
    "vision_model.embeddings.patch_embedding.weight": (8, 3, 4, 4),
    **norm("vision_model.pre_layrnorm"),
    **clip_block("vision_model.encoder.layers.0"),
    **clip_block("vision_model.encoder.layers.1"),
    **norm("vision_model.post_layernorm"),
    "visual_projection.weight": (6, 8),
}
CLIP_CONFIG = {
    "architectures": ["CLIPModel"],
    "model_type": "clip",
    "projection_dim": 6,
    "text_config": {"hidden_size": 16},
    "vision_config": {
        "hidden_size": 8,
        "image_size": 8,
        "intermediate_size": 12,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "patch_size": 4,
    },
}


def timm_block(prefix: str) -> dict[str, tuple[int, ...]]:
    return {
        **norm(f"{prefix}.norm1"),
        **linear(f"{prefix}.attn.qkv", 24, 8),
        **linear(f"{prefix}.attn.proj", 8, 8),
        **norm(f"{prefix}.norm2"),
        **linear(f"{prefix}.mlp.fc1", 12, 8),
        **linear(f"{prefix}.mlp.fc2", 8, 12),
    }


TIMM = {
    "cls_token": (1, 1, 8),
    "pos_embed": (1, 5, 8),
    "patch_embed.proj.weight": (8, 3, 4, 4),
    "patch_embed.proj.bias": (8,),
    **timm_block("blocks.0"),
    **timm_block("blocks.1"),
    **norm("norm"),
    **linear("head", 3, 8),
}
TIMM_CONFIG = {
    "architecture": "vit_tiny_patch16_384",
    "num_classes": 3,
    "num_features": 8,
    "global_pool": "token",
    "label_names": ["Drawing", "Neutral", "Porn"],
    "model_args": {
        "patch_size": 4,
        "embed_dim": 8,
        "depth": 2,
        "num_heads": 2,
        "mlp_ratio": 1.5,
    },
    "pretrained_cfg": {
        "classifier": "head",
        "crop_mode": "center",
        "crop_pct": 1.0,
        "first_conv": "patch_embed.proj",
        "fixed_input_size": True,
        "input_size": [3, 8, 8],
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "num_classes": 3,
        "pool_size": None,
        "std": [0.5, 0.5, 0.5],
    },
}


def open_clip_block(prefix: str) -> dict[str, tuple[int, ...]]:
    return {
        **norm(f"{prefix}.ln_1"),
        f"{prefix}.attn.in_proj_weight": (24, 8),
        f"{prefix}.attn.in_proj_bias": (24,),
        **linear(f"{prefix}.attn.out_proj", 8, 8),
        **norm(f"{prefix}.ln_2"),
        **linear(f"{prefix}.mlp.c_fc", 12, 8),
        **linear(f"{prefix}.mlp.c_proj", 8, 12),
    }


OPEN_CLIP = {
    "logit_scale": (),
    "positional_embedding": (4, 16),
    "text_projection": (16, 6),
    "token_embedding.weight": (20, 16),
    "transformer.resblocks.0.ln_1.weight": (16,),
    "ln_final.weight": (16,),
    "visual.class_embedding": (8,),
    "visual.positional_embedding": (5, 8),
    "visual.conv1.weight": (8, 3, 4, 4),
    **norm("visual.ln_pre"),
    **open_clip_block("visual.transformer.resblocks.0"),
    **open_clip_block("visual.transformer.resblocks.1"),
    **norm("visual.ln_post"),
    "visual.proj": (8, 6),
}
OPEN_CLIP_CONFIG = {
    "model_cfg": {
        "embed_dim": 6,
        "vision_cfg": {
            "head_width": 4,
            "image_size": 8,
            "layers": 2,
            "mlp_ratio": 1.5,
            "patch_size": 4,
            "width": 8,
        },
        "text_cfg": {"width": 16},
    },
    "preprocess_cfg": {
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
    },
}


def write(
    folder: Path, shapes: Mapping[str, tuple[int, ...]], weights: str, **jsons: Mapping[str, Any]
) -> Arrays:
    """Write tensors and JSON files (``config`` is ``config.json``); gives the tensors."""
    folder.mkdir(exist_ok=True)
    made = arrays(shapes)
    save_file(made, folder / weights)
    for name, document in jsons.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return made


def hugging_face(folder: Path) -> Arrays:
    return write(
        folder,
        HUGGING_FACE,
        "model.safetensors",
        config=HUGGING_FACE_CONFIG,
        preprocessor_config=HUGGING_FACE_PROCESSOR,
    )


def clip(folder: Path) -> Arrays:
    return write(folder, CLIP, "model.safetensors", config=CLIP_CONFIG)


def timm(folder: Path) -> Arrays:
    return write(folder, TIMM, "model.safetensors", config=TIMM_CONFIG)


def open_clip(folder: Path) -> Arrays:
    config = {"open_clip_config": OPEN_CLIP_CONFIG}
    return write(folder, OPEN_CLIP, "open_clip_model.safetensors", **config)


def edit(file: Path, change: Change) -> None:
    """Change a JSON file."""
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def replaced(arrays: Arrays, file: Path, *without: str, **added: tuple[int, ...]) -> None:
    """Write the tensors again, some left out and others added; ``__`` stands for a dot."""
    kept = {name: array for name, array in arrays.items() if name not in without}
    new = {name.replace("__", "."): np.ones(side, np.float32) for name, side in added.items()}
    save_file({**kept, **new}, file)
