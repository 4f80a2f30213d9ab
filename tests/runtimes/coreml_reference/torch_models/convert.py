"""Convert small torch networks with coremltools' PyTorch front end; runs where torch is.

    python convert.py OUT

writes ``NAME.mlpackage`` for each network in float32 and fp16, and ``NAME.npz`` with inputs and
torch's own outputs. Weights are random, and varied enough that outputs vary with the input.
"""

from __future__ import annotations

import sys
from pathlib import Path

import coremltools as ct
import numpy as np
import torch
from torch import nn
from torch.nn import functional

SIZE = 64
IMAGES = 4
TOKENS, WIDTH = (SIZE // 16) ** 2 + 1, 32


class Residual(nn.Module):
    """A ResNet block: grouped, strided, with a projection."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, out, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, stride, padding=1, groups=4, bias=False),
            nn.BatchNorm2d(out),
        )
        self.skip = nn.Sequential(
            nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(channels, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(x) + self.skip(x))


def resnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 7, 2, 3, bias=False),
        nn.BatchNorm2d(16),
        nn.PReLU(16),
        nn.MaxPool2d(3, 2, 1),
        Residual(16, 24, 2),
        Residual(24, 32, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
        nn.Softmax(-1),
    )


class ConvNeXtBlock(nn.Module):
    """Depthwise 7x7, layer norm over channels, GELU, layer scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-5)
        self.up, self.down = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(functional.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 4, 4)
        self.blocks = nn.Sequential(ConvNeXtBlock(24), ConvNeXtBlock(24))
        self.head = nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3))).softmax(-1)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(approximate="tanh"), nn.Linear(2 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # written out: coremltools 9.0 cannot convert shapes that torch traces
        qkv = self.qkv(self.norm(x)).reshape(1, TOKENS, 3, self.heads, WIDTH // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(y.transpose(1, 2).reshape(1, TOKENS, WIDTH))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 16, 16)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.2)
        self.positions = nn.Parameter(torch.randn(1, TOKENS, WIDTH) * 0.2)
        self.blocks = nn.Sequential(Attention(WIDTH, 4), Attention(WIDTH, 4))
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token, tokens], 1) + self.positions
        return self.head(self.blocks(tokens)[:, 0]).softmax(-1)


class EfficientNetBlock(nn.Module):
    """An inverted residual with squeeze and excitation, SiLU, and an upsampled side branch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.expand = nn.Sequential(nn.Conv2d(16, 48, 1), nn.BatchNorm2d(48), nn.SiLU())
        self.depthwise = nn.Sequential(
            nn.Conv2d(48, 48, 5, 2, 2, groups=48), nn.BatchNorm2d(48), nn.Hardswish()
        )
        self.squeeze, self.excite = nn.Conv2d(48, 8, 1), nn.Conv2d(8, 48, 1)
        self.group_norm = nn.GroupNorm(4, 48)
        self.head = nn.Linear(48, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.depthwise(self.expand(self.stem(x)))
        gate = torch.sigmoid(self.excite(functional.silu(self.squeeze(y.mean((2, 3), True)))))
        y = self.group_norm(y * gate)
        y = functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        left, right = functional.max_pool2d(y, 3, 2, ceil_mode=True).chunk(2, 1)
        return self.head(torch.cat([right, left], 1).amax((2, 3))).softmax(-1)


def vary(network: nn.Module) -> nn.Module:
    """Weights and statistics that make outputs differ from picture to picture."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.3, 1.5)
            nn.init.uniform_(module.weight, 0.5, 2.0)
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    nn.init.normal_(last.weight, 0, 2.0)
    return network.eval()


def main(out: Path) -> None:
    torch.manual_seed(3)
    networks = {
        "resnet": resnet,
        "convnext": ConvNeXt,
        "vit": ViT,
        "efficientnet": EfficientNetBlock,
    }
    pixels = np.random.default_rng(8).integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    for name, make in networks.items():
        network = vary(make())
        with torch.no_grad():
            outputs = torch.cat([network(image[None]) for image in images]).numpy()
            traced = torch.jit.trace(network, images[:1])
        image = ct.ImageType(name="image", shape=(1, 3, SIZE, SIZE), scale=1 / 127.5, bias=[-1] * 3)
        for suffix, precision, target in (
            ("", ct.precision.FLOAT32, ct.target.iOS18),
            ("-fp16", ct.precision.FLOAT16, ct.target.iOS16),
        ):
            ct.convert(
                traced,
                convert_to="mlprogram",
                inputs=[image],
                outputs=[ct.TensorType(name="scores")],
                compute_precision=precision,
                minimum_deployment_target=target,
                skip_model_load=True,
            ).save(str(out / f"{name}{suffix}.mlpackage"))
        np.savez(out / f"{name}.npz", pixels=pixels, outputs=outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
