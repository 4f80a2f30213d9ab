"""The mission's systems as transformers, timm and torch write and run them; runs where torch is.

    python torch_systems.py PICTURES STATISTICS.npz OUT

PICTURES is a folder of PNG files. ``STATISTICS.npz`` holds ``l14`` and ``b32``, embeddings as the
heads over them were trained on. Writes ``falconsai``, ``marqo``, ``clip-l14`` and ``clip-b32``,
folders as on the hub (the towers small, the rest as published), ``h14.pth``, and ``scores.npz``:
what each gives for the pictures, read and prepared by its own library. For the towers that is the
embedding, of norm one; for ``h14`` ``h14-embeddings`` goes in.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

sys.path.append(str(Path(__file__).parent / "architectures"))
from no_torchvision import NoTorchvision
from torch_vit import randomise
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

H14_WIDTHS = (1024, 1024, 2048, 1024, 256, 128, 16, 1)


def falconsai(folder: Path, pictures: list[Image.Image]) -> np.ndarray:
    labels = {0: "normal", 1: "nsfw"}
    config = ViTConfig(
        hidden_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=160,
        image_size=64,
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
    )
    model = ViTForImageClassification(config).eval()
    randomise(model, 1.0)
    processor = ViTImageProcessorPil(size={"height": 64, "width": 64})
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    prepared = processor(pictures, return_tensors="pt")["pixel_values"]
    centre(model.classifier, lambda: model(prepared).logits)
    model.save_pretrained(folder)
    return torch.softmax(model(prepared).logits, -1).numpy()


def marqo(folder: Path, pictures: list[Image.Image]) -> np.ndarray:
    import timm
    from timm.models import save_for_hf

    model = timm.create_model("vit_tiny_patch16_384", num_classes=2).eval()
    randomise(model, 1.0)
    mean = std = [0.5, 0.5, 0.5]
    prepared = torch.stack([squared(picture, 384, mean, std) for picture in pictures])
    centre(model.head, lambda: model(prepared))
    pretrained = {
        "input_size": [3, 384, 384],
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "mean": mean,
        "std": std,
        "num_classes": 2,
    }
    model.pretrained_cfg.update(pretrained)
    save_for_hf(model, folder, {"label_names": ["NSFW", "SFW"]}, safe_serialization=True)
    return torch.softmax(model(prepared), -1).numpy()


def squared(picture: Image.Image, side: int, mean: list[float], std: list[float]) -> torch.Tensor:
    """timm's evaluation transform at crop_pct 1: the shorter side to ``side``, then the middle."""
    width, height = picture.size
    if width <= height:
        size = (side, int(side * height / width))
    else:
        size = (int(side * width / height), side)
    whole = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (round((whole_side - side) / 2) for whole_side in size)
    pixels = np.asarray(whole.crop((left, top, left + side, top + side)), np.float32) / 255
    return torch.from_numpy((pixels - mean) / std).permute(2, 0, 1).float()


def clip(
    folder: Path, pictures: list[Image.Image], patch: int, size: int, embeddings: np.ndarray
) -> np.ndarray:
    config = CLIPVisionConfig(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        image_size=size,
        patch_size=patch,
        projection_dim=embeddings.shape[1],
    )
    model = CLIPVisionModelWithProjection(config).eval()
    randomise(model, 1.0)
    # Embeddings with the statistics that the head was trained on: one feature is the constant 1,
    # and carries the mean.
    with torch.no_grad():
        norm = model.vision_model.post_layernorm
        norm.weight[0], norm.bias[0] = 0.0, 1.0
        spread = torch.from_numpy(embeddings.std(axis=0)).float()
        projection = model.visual_projection.weight
        projection.copy_(torch.randn(projection.shape) / 8 * spread[:, None])
        projection[:, 0] = torch.from_numpy(embeddings.mean(axis=0)).float()
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    prepared = processor(pictures, return_tensors="pt")["pixel_values"]
    made = model(prepared).image_embeds
    return (made / made.norm(dim=-1, keepdim=True)).numpy()


def h14(file: Path) -> tuple[np.ndarray, np.ndarray]:
    layers: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(pairwise(H14_WIDTHS)):
        layers += [nn.Linear(inputs, outputs)]
        if number < len(H14_WIDTHS) - 3:
            layers += [nn.ReLU(), nn.Dropout(0.2)]
    head = nn.Module()
    head.layers = nn.Sequential(*layers)
    head.eval()
    randomise(head, 1.0)
    rows = torch.nn.functional.normalize(torch.randn(200, H14_WIDTHS[0]), dim=-1)
    with torch.no_grad():
        raw = head.layers(rows)
        last = layers[-1]
        last.weight /= raw.std() * 4
        last.bias.copy_(0.5 - (raw.mean() - last.bias) / (raw.std() * 4))
    torch.save(head.state_dict(), file)
    return rows.numpy(), head.layers(rows).numpy()


def centre(last: nn.Linear, logits: object) -> None:
    """Shift and scale a last layer so that both labels win on some pictures, and by some margin."""
    with torch.no_grad():
        found = logits()  # type: ignore[operator]
        scale = 2 / (found[:, 0] - found[:, 1]).std()
        last.weight *= scale
        last.bias.copy_((last.bias - found.mean(0)) * scale)


def main() -> None:
    sys.meta_path.append(NoTorchvision())
    folder, statistics, out = Path(sys.argv[1]), np.load(sys.argv[2]), Path(sys.argv[3])
    pictures = [Image.open(file).convert("RGB") for file in sorted(folder.glob("*.png"))]
    torch.manual_seed(1)
    scores = {}
    with torch.no_grad():
        for name in ("falconsai", "marqo", "clip-l14", "clip-b32"):
            (out / name).mkdir()
        scores["falconsai"] = falconsai(out / "falconsai", pictures)
        scores["marqo"] = marqo(out / "marqo", pictures)
        scores["clip-l14"] = clip(out / "clip-l14", pictures, 14, 56, statistics["l14"])
        scores["clip-b32"] = clip(out / "clip-b32", pictures, 32, 96, statistics["b32"])
        scores["h14-embeddings"], scores["h14"] = h14(out / "h14.pth")
    np.savez(out / "scores.npz", **scores)


if __name__ == "__main__":
    main()
