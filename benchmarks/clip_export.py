"""Time and peak memory of exporting CLIP ViT-L/14 with LAION's head, picture in and score out.

    python benchmarks/clip_export.py ../shared/checkpoints/laion/clip_autokeras_binary_nsfw.zip

Makes the tower of random weights in Hugging Face's layout, puts the real head beside it, and
exports ``laion-clip-l14``. Nothing else should run meanwhile. Bar: at most 16 GB.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from vit_export import run

CONFIG = {
    "architectures": ["CLIPVisionModelWithProjection"],
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_channels": 3,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": 224},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
MOST_GIGABYTES = 16


def shapes():
    width, hidden, patch = (
        CONFIG[key] for key in ("hidden_size", "intermediate_size", "patch_size")
    )
    found = {
        "vision_model.embeddings.class_embedding": (width,),
        "vision_model.embeddings.patch_embedding.weight": (width, 3, patch, patch),
        "vision_model.embeddings.position_embedding.weight": ((224 // patch) ** 2 + 1, width),
        "visual_projection.weight": (CONFIG["projection_dim"], width),
    }
    for norm in ("pre_layrnorm", "post_layernorm"):
        found |= {f"vision_model.{norm}.{part}": (width,) for part in ("weight", "bias")}
    dense = {
        **{f"self_attn.{part}_proj": (width, width) for part in ("q", "k", "v", "out")},
        "mlp.fc1": (hidden, width),
        "mlp.fc2": (width, hidden),
    }
    for number in range(CONFIG["num_hidden_layers"]):
        block = f"vision_model.encoder.layers.{number}"
        for norm in ("layer_norm1", "layer_norm2"):
            found |= {f"{block}.{norm}.{part}": (width,) for part in ("weight", "bias")}
        for name, shape in dense.items():
            found |= {f"{block}.{name}.weight": shape, f"{block}.{name}.bias": shape[:1]}
    return found


def values(random, name, shape):
    drawn = random.standard_normal(shape, dtype=np.float32)
    if "norm" in name and name.endswith("weight"):
        return 1 + drawn / 5
    return drawn / 10 if len(shape) == 1 else drawn / np.float32(np.prod(shape[1:]) ** 0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("head", type=Path, help="LAION's SavedModel zip over ViT-L/14")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        checkpoint = Path(work, "checkpoint")
        checkpoint.mkdir()
        random = np.random.default_rng(0)
        tensors = {name: values(random, name, shape) for name, shape in shapes().items()}
        save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
        del tensors
        (checkpoint / "config.json").write_text(json.dumps(CONFIG))
        (checkpoint / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
        shutil.copy(arguments.head, checkpoint)
        edgeconv = Path(sys.executable).with_name("edgeconv")
        command = [edgeconv, "export", "laion-clip-l14", "--weights", checkpoint, "--no-verify"]
        seconds, gigabytes = run([*command, "--out", Path(work, "out")])
    met = "met" if gigabytes <= MOST_GIGABYTES else "MISSED"
    print(f"laion-clip-l14 {seconds:6.1f} s  {gigabytes:5.2f} GB (bar {MOST_GIGABYTES})  {met}")


if __name__ == "__main__":
    main()
