"""What vision transformers of the original libraries compute; runs where torch is.

    python torch_vit.py CASES OUT

CASES is a JSON object, name -> ``{"library", "architecture", "labels", "size", "learned_at",
"embedding_scale"}``: a
key of ``LIBRARIES``, an ``[architecture]`` table, the number of labels, (height, width) of the
pictures, and of those that the positions are for; ``embedding_scale`` multiplies the weights before
the first block. ``OUT/NAME.npz`` holds ``pixels``, float32
(N, H, W, 3), ``outputs``, float32 logits (N, labels) or features, and every tensor of the
``state_dict`` under its name behind ``state/``.

timm imports torchvision for what nothing here uses; it need not be there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from no_torchvision import NoTorchvision
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ViTConfig,
    ViTForImageClassification,
)

PICTURES = 8
ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "quick_gelu": "quick_gelu"}

Case = dict[str, Any]
Run = Callable[[torch.Tensor], torch.Tensor]


def hugging_face(case: Case) -> tuple[torch.nn.Module, Run]:
    model = ViTForImageClassification(
        ViTConfig(**hugging_face_config(case), num_labels=case["labels"])
    )
    moved = case["learned_at"] != case["size"]
    return model, lambda pixels: model(pixels, interpolate_pos_encoding=moved).logits


def clip(case: Case) -> tuple[torch.nn.Module, Run]:
    projection = case["architecture"]["projection"]
    config = CLIPVisionConfig(**hugging_face_config(case), projection_dim=projection)
    config.image_size = case["learned_at"][0]
    model = CLIPVisionModelWithProjection(config)
    return model, lambda pixels: model(pixels).image_embeds


def hugging_face_config(case: Case) -> dict[str, Any]:
    table = case["architecture"]
    return {
        "hidden_size": table["width"],
        "num_hidden_layers": table["depth"],
        "num_attention_heads": table["heads"],
        "intermediate_size": table["mlp"],
        "hidden_act": ACTIVATIONS[table.get("activation", "gelu")],
        "layer_norm_eps": table["eps"],
        "image_size": case["learned_at"],
        "patch_size": table["patch"],
        "qkv_bias": table.get("qkv_bias", True),
    }


def timm(case: Case) -> tuple[torch.nn.Module, Run]:
    from timm.models.vision_transformer import VisionTransformer

    table = case["architecture"]
    model = VisionTransformer(
        img_size=tuple(case["learned_at"]),
        patch_size=table["patch"],
        num_classes=case["labels"],
        embed_dim=table["width"],
        depth=table["depth"],
        num_heads=table["heads"],
        mlp_ratio=table["mlp"] / table["width"],
        qkv_bias=table.get("qkv_bias", True),
        class_token=table.get("class_token", True),
        global_pool={"token": "token", "mean": "avg"}[table.get("pool", "token")],
        fc_norm=table.get("norm") == "after_pool",
        pre_norm=table.get("pre_norm", False),
        drop_path_rate=table.get("drop_path", 0),
        norm_layer=partial(torch.nn.LayerNorm, eps=table["eps"]),
        act_layer=table.get("activation", "gelu"),
    )

    def run(pixels: torch.Tensor) -> torch.Tensor:
        learned = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.set_input_size(img_size=tuple(case["size"]))
        logits = model(pixels)
        model.set_input_size(img_size=tuple(case["learned_at"]))
        model.load_state_dict(learned)
        return logits

    return model, run


LIBRARIES = {"hugging_face": hugging_face, "clip": clip, "timm": timm}


def randomise(model: torch.nn.Module, embedding_scale: float) -> None:
    """Weights under which what comes out varies with the picture."""
    for name, weight in model.named_parameters():
        spread = 0.2
        if weight.ndim > 1 and "pos" not in name and "cls" not in name:
            spread = 1.4 / weight[0].numel() ** 0.5
        torch.nn.init.normal_(weight, std=spread)
        if weight.ndim == 1 and name.endswith("weight"):
            weight.data += 1
        if "embed" in name:
            weight.data *= embedding_scale


def pictures(size: tuple[int, int]) -> torch.Tensor:
    colours, noise = torch.randn(PICTURES, 3, 1, 1), torch.randn(PICTURES, 3, *size)
    return 0.8 * colours + 0.6 * noise


def main() -> None:
    sys.meta_path.append(NoTorchvision())
    cases, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    for number, (name, case) in enumerate(cases.items()):
        torch.manual_seed(number)
        model, run = LIBRARIES[case["library"]](case)
        model.eval()
        randomise(model, case["embedding_scale"])
        pixels = pictures(case["size"])
        with torch.no_grad():
            outputs = run(pixels)
        np.savez(
            out / f"{name}.npz",
            pixels=pixels.permute(0, 2, 3, 1).numpy(),
            outputs=outputs.numpy(),
            **{f"state/{key}": tensor.numpy() for key, tensor in model.state_dict().items()},
        )


if __name__ == "__main__":
    main()
