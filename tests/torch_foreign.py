"""One small torch network as Core ML and as ONNX; runs where torch is.

    python torch_foreign.py OUT

writes ``theirs.mlpackage`` (an image in, normalisation inside, an array out), ``theirs.onnx``
(normalised pixels in) and ``theirs.toml``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import coremltools as ct
import torch
from torch import nn

SIZE = 64
MEAN, STD = (0.485, 0.456, 0.406), 0.226

SPEC = f"""
name = "theirs"
basename = "Theirs"
summary = "A network made in torch"
labels = ["a", "b", "c", "d"]
architecture = {{ kind = "checkpoint" }}
checkpoint = {{ formats = [] }}
[input]
size = [{SIZE}, {SIZE}]
scale = "1/255"
mean = {list(MEAN)}
std = {[STD] * 3}
"""


def network() -> nn.Module:
    """Random, and varied enough that the best label changes from picture to picture."""
    torch.manual_seed(5)
    made = nn.Sequential(
        nn.Conv2d(3, 16, 5, 2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, 2, padding=1, groups=16),
        nn.Conv2d(16, 32, 1),
        nn.Hardswish(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(32),
        nn.Linear(32, 4),
        nn.Softmax(-1),
    )
    with torch.no_grad():
        # Statistics of flat pictures, so that the last layer sees what varies among them.
        made[:9].train()(torch.randn(256, 3, 1, 1).expand(-1, -1, SIZE, SIZE) * 2)
        made[8].momentum = 1.0
        made[:9](torch.randn(256, 3, 1, 1).expand(-1, -1, SIZE, SIZE) * 2)
        made[9].weight.normal_(0, 1.5)
    return made.eval()


def main(out: Path) -> None:
    made, example = network(), torch.zeros(1, 3, SIZE, SIZE)
    image = ct.ImageType(
        name="image",
        shape=example.shape,
        scale=1 / (255 * STD),
        bias=[-mean / STD for mean in MEAN],
    )
    ct.convert(
        torch.jit.trace(made, example),
        convert_to="mlprogram",
        inputs=[image],
        outputs=[ct.TensorType(name="scores")],
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    ).save(str(out / "theirs.mlpackage"))
    torch.onnx.export(made, (example,), str(out / "theirs.onnx"), external_data=False)
    (out / "theirs.toml").write_text(SPEC)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
