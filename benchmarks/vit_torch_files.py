"""Makes timm's ViT-Ti/384 into files by torch's own exporters; runs where torch is.

    python vit_torch_files.py STATE OUT

STATE is an ``.npz`` of the ``state_dict``. Writes ``OUT/torch.onnx`` (``torch.onnx``, dynamo) and,
where litert-torch is installed, ``OUT/torch.tflite``.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

if find_spec("torchvision") is None:
    from no_torchvision import NoTorchvision

    sys.meta_path.append(NoTorchvision())

from timm.models.vision_transformer import VisionTransformer


def main():
    state, out = np.load(sys.argv[1]), Path(sys.argv[2])
    model = VisionTransformer(img_size=384, embed_dim=192, depth=12, num_heads=3, num_classes=2)
    model.load_state_dict({name: torch.from_numpy(state[name]) for name in state})
    model = torch.nn.Sequential(model, torch.nn.Softmax(dim=-1)).eval()
    picture = (torch.randn(1, 3, 384, 384),)
    program = torch.onnx.export(model, picture, dynamo=True, input_names=["image"])
    program.save(out / "torch.onnx")
    if find_spec("litert_torch"):
        import litert_torch

        litert_torch.convert(model, picture).export(str(out / "torch.tflite"))


if __name__ == "__main__":
    main()
