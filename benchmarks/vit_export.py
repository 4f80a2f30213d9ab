"""Time and peak memory of exporting large vision transformers.

    python benchmarks/vit_export.py [--rounds 1] [--size tiny] [--json]

Makes a ViT-B/16 of random weights in Hugging Face's layout and exports it, each time in a process
of its own whose memory is summed with that of its children. Nothing else should run meanwhile.
Bars on two cores: ONNX fp32 alone at most 10 s and 4 GB; the usual seven files 120 s and 8 GB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

SIZES = {
    "tiny": {"hidden_size": 192, "num_hidden_layers": 12, "num_attention_heads": 3},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
}
EXPORTS = {
    "ONNX fp32": (["--target", "onnx", "--precision", "fp32"], 10, 4),
    "all usual files": (["--target", "all"], 120, 8),
}


def write_checkpoint(folder, size):
    """A Hugging Face ViT whose scores vary: trained ones have weights of about this spread."""
    width = SIZES[size]["hidden_size"]
    config = {
        "architectures": ["ViTForImageClassification"],
        "model_type": "vit",
        "image_size": 224,
        "patch_size": 16,
        "num_channels": 3,
        "intermediate_size": 4 * width,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "qkv_bias": True,
        "id2label": {"0": "normal", "1": "nsfw"},
        "label2id": {"normal": 0, "nsfw": 1},
        **SIZES[size],
    }
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": 224, "width": 224},
    }
    random = np.random.default_rng(0)
    tensors = {name: _values(random, name, shape) for name, shape in _shapes(config).items()}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _shapes(config):
    width, hidden = config["hidden_size"], config["intermediate_size"]
    patch, labels = config["patch_size"], len(config["id2label"])
    tokens = (config["image_size"] // patch) ** 2 + 1
    shapes = {
        "vit.embeddings.cls_token": (1, 1, width),
        "vit.embeddings.position_embeddings": (1, tokens, width),
        "vit.embeddings.patch_embeddings.projection.weight": (width, 3, patch, patch),
        "vit.embeddings.patch_embeddings.projection.bias": (width,),
        "vit.layernorm.weight": (width,),
        "vit.layernorm.bias": (width,),
        "classifier.weight": (labels, width),
        "classifier.bias": (labels,),
    }
    dense = {
        "attention.attention.query": (width, width),
        "attention.attention.key": (width, width),
        "attention.attention.value": (width, width),
        "attention.output.dense": (width, width),
        "intermediate.dense": (hidden, width),
        "output.dense": (width, hidden),
    }
    for number in range(config["num_hidden_layers"]):
        block = f"vit.encoder.layer.{number}"
        for name in ("layernorm_before", "layernorm_after"):
            shapes[f"{block}.{name}.weight"] = shapes[f"{block}.{name}.bias"] = (width,)
        for name, shape in dense.items():
            shapes[f"{block}.{name}.weight"] = shape
            shapes[f"{block}.{name}.bias"] = shape[:1]
    return shapes


def _values(random, name, shape):
    values = random.standard_normal(shape, dtype=np.float32)
    if "layernorm" in name and name.endswith("weight"):
        return 1 + values / 5
    if len(shape) == 1:
        return values / 10
    if "embeddings" in name and "projection" not in name:
        return values / 2
    return values * np.float32((4 if "classifier" in name else 1) / np.prod(shape[1:]) ** 0.5)


def run(command):
    """Seconds and peak resident gigabytes of a command with all its children."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    error = process.stderr.read()
    status = process.wait()
    watcher.join()
    if status not in (0, 3):
        sys.exit(f"{' '.join(map(str, command))} failed:\n{error.decode()[-2000:]}")
    return time.perf_counter() - start, peak[0] / 1e9


def _watch(process, peak):
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_resident, _family(process.pid))))
        time.sleep(0.02)


def _family(pid):
    """A process and all that come from it."""
    family = [pid]
    for parent in family:
        try:
            for thread in Path(f"/proc/{parent}/task").iterdir():
                family += map(int, (thread / "children").read_text().split())
        except OSError:
            continue
    return family


def _resident(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines.get("VmRSS", "0").split()[0]) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    edgeconv = Path(sys.executable).with_name("edgeconv")
    found = {}
    with tempfile.TemporaryDirectory() as work:
        checkpoint = Path(work, "checkpoint")
        write_checkpoint(checkpoint, arguments.size)
        for number in range(arguments.rounds):
            for name, (options, _, _) in EXPORTS.items():
                out = Path(work, f"{name} {number}")
                command = [edgeconv, "export", checkpoint, "--no-verify", "--out", out, *options]
                found.setdefault(name, []).append(run(command))

    if arguments.json:
        print(json.dumps(found))
        return
    for name, runs in found.items():
        _, most_seconds, most_gigabytes = EXPORTS[name]
        seconds, gigabytes = min(s for s, _ in runs), max(g for _, g in runs)
        met = seconds <= most_seconds and gigabytes <= most_gigabytes
        print(
            f"{name:16} {seconds:6.1f} s (bar {most_seconds})  {gigabytes:5.2f} GB "
            f"(bar {most_gigabytes})  {'met' if met else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
