"""Small checkpoints as transformers, timm, open_clip and torch themselves write them.

    python torch_checkpoints.py OUT

runs where those are. For each case it writes the folder ``OUT/NAME`` and ``OUT/NAME.npz``:
``pixels``, normalised float32 (N, H, W, 3); ``outputs``, float32 logits or features (N, .); and
behind ``ours/`` every tensor under edgeconv's name, taken from the modules' attributes.
``OUT/head.pth`` is a head as LAION's ViT-H/14 has it, with ``OUT/head.npz``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

sys.path.append(str(Path(__file__).parent.parent / "architectures"))
from torch_vit import NoTorchvision, pictures, randomise

SIZE = 32
SHAPE = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 80,
    "image_size": SIZE,
    "patch_size": 8,
}
LABELS = ("Drawing", "Neutral", "Porn")
TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 20,
    "max_position_embeddings": 8,
}

Tensors = dict[str, torch.Tensor]
Case = tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]


def dense(ours: str, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Tensors:
    kernel = {f"{ours}/kernel": weight.T}
    return kernel if bias is None else {**kernel, f"{ours}/bias": bias}


def linear(ours: str, layer: nn.Linear, scale: torch.Tensor | None = None) -> Tensors:
    tensors = dense(ours, layer.weight, layer.bias)
    return tensors if scale is None else {name: t * scale for name, t in tensors.items()}


def fused(block: str, weight: torch.Tensor, bias: torch.Tensor | None) -> Tensors:
    biases: Iterable[Any] = (None,) * 3 if bias is None else bias.chunk(3)
    tensors: Tensors = {}
    for name, part, own in zip(("query", "key", "value"), weight.chunk(3), biases, strict=True):
        tensors |= dense(f"{block}_{name}", part, own)
    return tensors


def norm(ours: str, layer: nn.LayerNorm) -> Tensors:
    return {f"{ours}/gamma": layer.weight, f"{ours}/beta": layer.bias}


def patch(layer: nn.Conv2d) -> Tensors:
    kernel = {"patch/kernel": layer.weight.permute(2, 3, 1, 0)}
    return kernel if layer.bias is None else {**kernel, "patch/bias": layer.bias}


def of_vit(model: ViTForImageClassification) -> Tensors:
    vit = model.vit
    tensors = {
        **patch(vit.embeddings.patch_embeddings.projection),
        "class_token/token": vit.embeddings.cls_token[0, 0],
        "positions/positions": vit.embeddings.position_embeddings[0],
        **norm("norm", vit.layernorm),
        **linear("scores", model.classifier),
    }
    for number, layer in enumerate(vit.layers):
        block = f"block_{number:02d}"
        tensors |= {
            **norm(f"{block}_norm1", layer.layernorm_before),
            **linear(f"{block}_query", layer.attention.q_proj),
            **linear(f"{block}_key", layer.attention.k_proj),
            **linear(f"{block}_value", layer.attention.v_proj),
            **linear(f"{block}_out", layer.attention.o_proj),
            **norm(f"{block}_norm2", layer.layernorm_after),
            **linear(f"{block}_up", layer.mlp.fc1),
            **linear(f"{block}_down", layer.mlp.fc2),
        }
    return tensors


def of_clip(vision: CLIPVisionModel) -> Tensors:
    tensors = {
        **patch(vision.embeddings.patch_embedding),
        "class_token/token": vision.embeddings.class_embedding,
        "positions/positions": vision.embeddings.position_embedding.weight,
        **norm("pre_norm", vision.pre_layrnorm),
        **norm("norm", vision.post_layernorm),
    }
    for number, layer in enumerate(vision.encoder.layers):
        block = f"block_{number:02d}"
        tensors |= {
            **norm(f"{block}_norm1", layer.layer_norm1),
            **linear(f"{block}_query", layer.self_attn.q_proj),
            **linear(f"{block}_key", layer.self_attn.k_proj),
            **linear(f"{block}_value", layer.self_attn.v_proj),
            **linear(f"{block}_out", layer.self_attn.out_proj),
            **norm(f"{block}_norm2", layer.layer_norm2),
            **linear(f"{block}_up", layer.mlp.fc1),
            **linear(f"{block}_down", layer.mlp.fc2),
        }
    return tensors


def of_timm(model: Any) -> Tensors:
    tensors = {
        **patch(model.patch_embed.proj),
        "positions/positions": model.pos_embed[0],
        **norm("norm", model.norm if isinstance(model.norm, nn.LayerNorm) else model.fc_norm),
        **linear("scores", model.head),
    }
    if model.cls_token is not None:
        tensors["class_token/token"] = model.cls_token[0, 0]
    if isinstance(model.norm_pre, nn.LayerNorm):
        tensors |= norm("pre_norm", model.norm_pre)
    for number, layer in enumerate(model.blocks):
        block = f"block_{number:02d}"
        tensors |= {
            **norm(f"{block}_norm1", layer.norm1),
            **fused(block, layer.attn.qkv.weight, layer.attn.qkv.bias),
            **linear(f"{block}_out", layer.attn.proj, getattr(layer.ls1, "gamma", None)),
            **norm(f"{block}_norm2", layer.norm2),
            **linear(f"{block}_up", layer.mlp.fc1),
            **linear(f"{block}_down", layer.mlp.fc2, getattr(layer.ls2, "gamma", None)),
        }
    return tensors


def of_open_clip(visual: Any) -> Tensors:
    tensors = {
        **patch(visual.conv1),
        "class_token/token": visual.class_embedding,
        "positions/positions": visual.positional_embedding,
        **norm("pre_norm", visual.ln_pre),
        **norm("norm", visual.ln_post),
        "projection/kernel": visual.proj,
    }
    for number, layer in enumerate(visual.transformer.resblocks):
        block = f"block_{number:02d}"
        tensors |= {
            **norm(f"{block}_norm1", layer.ln_1),
            **fused(block, layer.attn.in_proj_weight, layer.attn.in_proj_bias),
            **linear(f"{block}_out", layer.attn.out_proj, getattr(layer.ls_1, "gamma", None)),
            **norm(f"{block}_norm2", layer.ln_2),
            **linear(f"{block}_up", layer.mlp.c_fc),
            **linear(f"{block}_down", layer.mlp.c_proj, getattr(layer.ls_2, "gamma", None)),
        }
    return tensors


def vit(folder: Path, labels: int = len(LABELS), **options: Any) -> ViTForImageClassification:
    named = {"id2label": dict(enumerate(LABELS)), "label2id": {b: a for a, b in enumerate(LABELS)}}
    config = ViTConfig(**SHAPE, **(named if labels == len(LABELS) else {"num_labels": labels}))
    model = ViTForImageClassification(config).eval()
    randomise(model, 1.0)
    ViTImageProcessorPil(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    model.save_pretrained(folder, **options)
    return model


def run_vit(model: ViTForImageClassification) -> Case:
    return of_vit(model), lambda pixels: model(pixels).logits


def hf(folder: Path) -> Case:
    return run_vit(vit(folder))


def hf_sharded(folder: Path) -> Case:
    return run_vit(vit(folder, labels=2, max_shard_size="40KB"))


def hf_half(folder: Path, dtype: torch.dtype) -> Case:
    model = vit(folder).to(dtype)
    model.save_pretrained(folder)
    return run_vit(model.float())


def hf_bin(folder: Path) -> Case:
    model = vit(folder)
    file = folder / "model.safetensors"
    torch.save(load_file(file), folder / "pytorch_model.bin")
    file.unlink()
    return run_vit(model)


def hf_sharded_bin(folder: Path) -> Case:
    model = vit(folder)
    tensors = list(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    parts = {"part-1.bin": dict(tensors[::2]), "part-2.bin": dict(tensors[1::2])}
    for name, part in parts.items():
        torch.save(part, folder / name)
    index = {"weight_map": {key: name for name, part in parts.items() for key in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return run_vit(model)


def hf_in_memory(folder: Path) -> Case:
    model = vit(folder)
    save_file(model.state_dict(), folder / "model.safetensors")
    return run_vit(model)


def clip_processor(folder: Path) -> None:
    CLIPImageProcessorPil(
        size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE}
    ).save_pretrained(folder)


def clip(folder: Path) -> Case:
    model = CLIPModel(CLIPConfig(vision_config=SHAPE, text_config=TEXT, projection_dim=20)).eval()
    randomise(model, 1.0)
    model.save_pretrained(folder)
    clip_processor(folder)
    tensors = {**of_clip(model.vision_model), **linear("projection", model.visual_projection)}
    return tensors, lambda pixels: model.get_image_features(pixels).pooler_output


def clip_with_projection(folder: Path) -> Case:
    config = CLIPVisionConfig(**SHAPE, projection_dim=20, hidden_act="gelu")
    model = CLIPVisionModelWithProjection(config).eval()
    randomise(model, 1.0)
    model.save_pretrained(folder)
    clip_processor(folder)
    tensors = {**of_clip(model.vision_model), **linear("projection", model.visual_projection)}
    return tensors, lambda pixels: model(pixels).image_embeds


def clip_tower(folder: Path) -> Case:
    model = CLIPVisionModel(CLIPVisionConfig(**SHAPE)).eval()
    randomise(model, 1.0)
    model.save_pretrained(folder)
    return of_clip(model), lambda pixels: model(pixels).pooler_output


def timm_model(folder: Path, name: str, safe: bool, **options: Any) -> Case:
    import timm
    from timm.models import save_for_hf

    sizes = {"img_size": SIZE, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}
    model = timm.create_model(name, num_classes=len(LABELS), **sizes, **options).eval()
    randomise(model, 1.0)
    save_for_hf(model, folder, {"label_names": list(LABELS)}, safe_serialization=safe)
    return of_timm(model), model


def open_clip_model(folder: Path, safe: bool, quick_gelu: bool, **options: Any) -> Case:
    import open_clip
    from open_clip.push_to_hf_hub import save_for_hf

    config = {
        "embed_dim": 20,
        "quick_gelu": quick_gelu,
        "vision_cfg": {
            "image_size": SIZE, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8,
            **options,
        },
        "text_cfg": {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1},
    }  # fmt: skip
    model = open_clip.CLIP(**config).eval()
    randomise(model, 1.0)
    model.visual.image_mean = open_clip.OPENAI_DATASET_MEAN
    model.visual.image_std = open_clip.OPENAI_DATASET_STD
    save_for_hf(model, NoTokenizer(), config, folder, safe_serialization=safe)
    return of_open_clip(model.visual), model.encode_image


class NoTokenizer:
    def save_pretrained(self, folder: Path) -> None:
        pass


CASES: dict[str, Callable[[Path], Case]] = {
    "hf": hf,
    "hf-sharded": hf_sharded,
    "hf-bf16": lambda folder: hf_half(folder, torch.bfloat16),
    "hf-fp16": lambda folder: hf_half(folder, torch.float16),
    "hf-bin": hf_bin,
    "hf-sharded-bin": hf_sharded_bin,
    "hf-in-memory": hf_in_memory,
    "clip": clip,
    "clip-with-projection": clip_with_projection,
    "clip-tower": clip_tower,
    "timm": lambda folder: timm_model(folder, "vit_tiny_patch16_224", safe=True),
    "timm-mean": lambda folder: timm_model(
        folder, "vit_base_patch16_224", safe=False, class_token=False, global_pool="avg",
        init_values=0.1, qkv_bias=False,
    ),
    "timm-mean-with-token": lambda folder: timm_model(
        folder, "deit_small_patch16_224", safe=True, global_pool="avg", fc_norm=False, mlp_ratio=2.5
    ),
    "timm-clip": lambda folder: timm_model(
        folder, "vit_base_patch32_clip_quickgelu_224", safe=True
    ),
    "open-clip": lambda folder: open_clip_model(folder, safe=True, quick_gelu=True),
    "open-clip-bin": lambda folder: open_clip_model(
        folder, safe=False, quick_gelu=False, ls_init_value=0.1, mlp_ratio=3, pool_type="avg",
        final_ln_after_pool=True,
    ),
}  # fmt: skip


def head(out: Path) -> None:
    """A plain MLP, saved in the middle of a training run."""
    sides = (1024, 1024, 2048, 1024, 256, 128, 16, 1)
    layers: list[nn.Module] = []
    for length, units in pairwise(sides):
        layers += [nn.Linear(length, units), nn.ReLU(), nn.Dropout(0.2)]
    model = nn.Module()
    model.layers = nn.Sequential(*layers[:-2])
    state = model.state_dict()
    torch.save(
        {"epoch": 7, "state_dict": state, "loss": 0.25, "shapes": [torch.Size([1, 2])]},
        out / "head.pth",
    )
    np.savez(out / "head.npz", **{name: tensor.numpy() for name, tensor in state.items()})


def main(out: Path) -> None:
    sys.meta_path.append(NoTorchvision())
    for number, (name, make) in enumerate(CASES.items()):
        torch.manual_seed(number)
        folder = out / name
        folder.mkdir()
        tensors, run = make(folder)
        pixels = pictures((SIZE, SIZE))
        with torch.no_grad():
            outputs = run(pixels)
        np.savez(
            out / f"{name}.npz",
            pixels=pixels.permute(0, 2, 3, 1).numpy(),
            outputs=outputs.numpy(),
            **{f"ours/{key}": tensor.detach().numpy() for key, tensor in tensors.items()},
        )
    head(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
