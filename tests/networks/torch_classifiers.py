"""Small torch classifiers, trained for some seconds and exported to ONNX; runs where torch is.

    python torch_classifiers.py PICTURES.npz OUT

``PICTURES.npz`` holds ``train`` and ``test`` (N, H, W, 3) uint8 and ``labels`` of ``train``. Writes
``NAME.onnx`` for each network and ``NAME.npz`` with torch's own scores of ``test``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

LABELS = 3
STEPS, STEPS_OF_TRANSFORMERS = 40, 120


class Conv(nn.Module):
    """Convolution, normalisation, SiLU: the brick of YOLOv9 and ultralytics."""

    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.silu(self.norm(self.conv(x)))


class RepConv(nn.Module):
    """A 3x3 and a 1x1 convolution side by side, as YOLOv9 trains them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.three = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )
        self.one = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.silu(self.three(x) + self.one(x))


class RepCsp(nn.Module):
    """A CSP block around one residual RepConv bottleneck."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        half = out // 2
        self.left, self.right = Conv(channels, half), Conv(channels, half)
        self.first, self.second = RepConv(half), Conv(half, half, 3)
        self.join = Conv(2 * half, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = self.left(x)
        return self.join(torch.cat([left + self.second(self.first(left)), self.right(x)], 1))


class RepNcspElan4(nn.Module):
    def __init__(self, channels: int, out: int, inner: int) -> None:
        super().__init__()
        half = inner // 2
        self.enter = Conv(channels, inner)
        self.two = nn.Sequential(RepCsp(half, half), Conv(half, half, 3))
        self.three = nn.Sequential(RepCsp(half, half), Conv(half, half, 3))
        self.leave = Conv(inner + 2 * half, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = list(self.enter(x).chunk(2, 1))
        parts.append(self.two(parts[-1]))
        parts.append(self.three(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class ADown(nn.Module):
    """Half of the channels by a strided convolution, half by max pooling."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.left = Conv(channels // 2, out // 2, 3, 2)
        self.right = Conv(channels // 2, out // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = functional.avg_pool2d(x, 2, 1, 0, False, True).chunk(2, 1)
        return torch.cat([self.left(left), self.right(functional.max_pool2d(right, 3, 2, 1))], 1)


class SppElan(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.enter, self.leave = Conv(channels, 16), Conv(64, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.leave(torch.cat(parts, 1))


class Classify(nn.Module):
    """The head of ultralytics and YOLOv9; softmax inside when it is exported."""

    def __init__(self, channels: int, softmax: bool) -> None:
        super().__init__()
        self.conv, self.pool = Conv(channels, 64), nn.AdaptiveAvgPool2d(1)
        self.linear, self.softmax = nn.Linear(64, LABELS), softmax

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.linear(self.pool(self.conv(x)).flatten(1))
        return x.softmax(1) if self.softmax and not self.training else x


def gelan(softmax: bool) -> nn.Module:
    return nn.Sequential(
        Conv(3, 16, 3, 2),
        Conv(16, 24, 3, 2),
        RepNcspElan4(24, 32, 24),
        ADown(32, 40),
        RepNcspElan4(40, 48, 32),
        SppElan(48, 48),
        Classify(48, softmax),
    )


class Residual(nn.Module):
    """A ResNeXt block: grouped, strided, with a projection."""

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
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        Residual(16, 24, 2),
        Residual(24, 32, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, LABELS),
    )


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 8, 1), nn.Conv2d(8, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.up(functional.relu(self.down(functional.adaptive_avg_pool2d(x, 1))))
        return x * functional.hardsigmoid(gate)


def mobilenet_v3() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.Hardswish(),
        nn.Conv2d(16, 48, 1, bias=False),
        nn.BatchNorm2d(48),
        nn.Hardswish(),
        nn.Conv2d(48, 48, 5, 2, 2, groups=48, bias=False),
        nn.BatchNorm2d(48),
        SqueezeExcite(48),
        nn.ReLU6(),
        nn.Conv2d(48, 32, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, LABELS),
        nn.Softmax(-1),
    )


class ConvNeXtBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
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
        self.head = nn.Linear(24, LABELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class ViT(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        width, tokens = 48, (size // 8) ** 2 + 1
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.2)
        self.positions = nn.Parameter(torch.randn(1, tokens, width) * 0.2)
        layer = nn.TransformerEncoderLayer(
            width, 4, 96, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, LABELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.positions
        return self.head(self.blocks(tokens)[:, 0])


def train(network: nn.Module, pictures: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    transformer = isinstance(network, ViT | ConvNeXt)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3 if transformer else 3e-3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.3  # so few steps would leave the statistics where they began
    order = torch.Generator().manual_seed(1)
    # Scores that are softmaxed inside train well enough on their own logarithms.
    ends_in_softmax = isinstance(network, nn.Sequential) and isinstance(network[-1], nn.Softmax)
    for _ in range(STEPS_OF_TRANSFORMERS if transformer else STEPS):
        batch = torch.randint(len(pictures), (16,), generator=order)
        found = network(pictures[batch])
        logits = found.clamp_min(1e-6).log() if ends_in_softmax else found
        optimiser.zero_grad()
        functional.cross_entropy(logits, labels[batch]).backward()
        optimiser.step()
    return network.eval()


def save(network: nn.Module, example: torch.Tensor, path: Path, how: str) -> None:
    """``how``: dynamo, legacy (opset 17), old (opset 12, any batch, normalisations kept)."""
    if how == "dynamo":
        torch.onnx.export(network, (example,), str(path), dynamo=True, external_data=False)
        return
    open_batch = {"dynamic_axes": {"images": {0: "batch"}, "output": {0: "batch"}}}
    more = {
        "legacy": {"opset_version": 17},
        "open": {"opset_version": 17, **open_batch},
        "old": {
            "opset_version": 12,
            **open_batch,
            "do_constant_folding": False,
            "training": torch.onnx.TrainingMode.PRESERVE,
        },
    }[how]
    torch.onnx.export(
        network,
        (example,),
        str(path),
        dynamo=False,
        input_names=["images"],
        output_names=["output"],
        **more,
    )


def main(pictures: Path, out: Path) -> None:
    data = np.load(pictures)

    def normalised(pixels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2) / 255

    given, tested = normalised(data["train"]), normalised(data["test"])
    labels = torch.from_numpy(data["labels"])
    networks = {
        "gelan-dynamo": (lambda: gelan(True), "dynamo"),
        "gelan-open": (lambda: gelan(False), "open"),
        "resnet-old": (resnet, "old"),
        "mobilenet-legacy": (mobilenet_v3, "legacy"),
        "convnext-dynamo": (ConvNeXt, "dynamo"),
        "vit-open": (lambda: ViT(given.shape[-1]), "open"),
        "vit-dynamo": (lambda: ViT(given.shape[-1]), "dynamo"),
    }
    for name, (make, how) in networks.items():
        torch.manual_seed(3)
        network = train(make(), given, labels)
        with torch.no_grad():
            scores = network(tested)
        if not torch.allclose(scores.sum(1), torch.ones(1), atol=1e-3):
            scores = scores.softmax(1)
        save(network, tested[:1], out / f"{name}.onnx", how)
        np.savez(out / f"{name}.npz", scores=scores.numpy())


if __name__ == "__main__":
    torch.set_num_threads(2)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
