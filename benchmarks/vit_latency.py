"""Latency of our ViT-Ti/384 files against those of torch's own exporters, taking turns in one run.

    python benchmarks/vit_latency.py --torch-python PYTHON [--rounds 30] [--json]

PYTHON has torch, timm and onnxscript, and litert-torch for the TFLite comparison:

    pip install torch litert-torch onnxscript
    pip install --no-deps timm

All files hold the same weights and must give the same scores. One thread, medians. Nothing else
should run meanwhile. Bars: TFLite at most 1.05 of litert-torch's, ONNX at most 1.0 of torch's
dynamo export, and at most 330 operations in the Core ML program.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edgeconv.architectures.vit import build
from edgeconv.classifier import Classifier
from edgeconv.contract import Source
from edgeconv.exporting import export
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.spec import ModelSpec

HERE = Path(__file__).parent
STUB = HERE.parent / "tests/architectures"
DEPTH, SIDE = 12, 384
SPEC = {
    "name": "vit-tiny",
    "basename": "ViT",
    "summary": "ViT-Ti/384 with random weights",
    "labels": ["a", "b"],
    "architecture": {
        "kind": "vit", "patch": 16, "width": 192, "depth": DEPTH, "heads": 3, "mlp": 768,
    },
    "input": {"size": [SIDE, SIDE], "scale": "1/255", "mean": [0.5] * 3, "std": [0.5] * 3},
    "checkpoint": {"formats": ["safetensors"]},
}  # fmt: skip
BARS = {"TFLite": 1.05, "ONNX": 1.0, "Core ML operations": 330}


def randomised(model):
    """Weights under which the scores vary from picture to picture."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        spread = 1.3 * np.prod(weight.shape[:-1]) ** -0.5 if "kernel" in weight.name else 0.2
        values = generator.normal("gamma" in weight.name, spread, weight.shape)
        weight.assign(values.astype(np.float32))
    return model


def state_dict(model):
    """The weights under timm's names."""
    ours = {weight.name.removesuffix(":0"): weight.numpy() for weight in model.weights}

    def dense(layer):
        kernel = ours[f"{layer}/kernel"]
        return kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T, ours[f"{layer}/bias"]

    def norm(layer):
        return ours[f"{layer}/gamma"], ours[f"{layer}/beta"]

    layers = {"patch_embed.proj": dense("patch"), "norm": norm("norm"), "head": dense("scores")}
    for number in range(DEPTH):
        block = f"block_{number:02d}_"
        parts = [dense(block + part) for part in ("query", "key", "value")]
        layers |= {
            f"blocks.{number}.norm1": norm(block + "norm1"),
            f"blocks.{number}.attn.qkv": [
                np.concatenate(part) for part in zip(*parts, strict=True)
            ],
            f"blocks.{number}.attn.proj": dense(block + "out"),
            f"blocks.{number}.norm2": norm(block + "norm2"),
            f"blocks.{number}.mlp.fc1": dense(block + "up"),
            f"blocks.{number}.mlp.fc2": dense(block + "down"),
        }
    tokens = {
        "cls_token": ours["class_token/token"][None, None],
        "pos_embed": ours["positions/positions"][None],
    }
    return tokens | {
        f"{layer}.{kind}": tensor
        for layer, tensors in layers.items()
        for kind, tensor in zip(("weight", "bias"), tensors, strict=True)
    }


def make_torch_files(python, model, folder):
    np.savez(folder / "state.npz", **state_dict(model))
    run = subprocess.run(
        [python, HERE / "vit_torch_files.py", folder / "state.npz", folder],
        env={**os.environ, "PYTHONPATH": str(STUB)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        sys.exit(f"{python} could not make torch's files:\n{run.stderr[-2000:]}")


def make_our_files(model, folder):
    spec = ModelSpec.model_validate(SPEC)
    source = Source(checkpoint_sha256="0" * 64, checkpoint_format="random")
    classifier = Classifier(spec, KerasNetwork(model), source)
    wanted = {"targets": ["tflite", "onnx"], "precisions": ["fp32"]}
    export(classifier, out=folder / "fp32", verify=False, **wanted)
    export(classifier, out=folder / "coreml", verify=False, targets=["coreml"])


def program_operations(package):
    from coremltools import proto

    content = (package / "Data/com.apple.CoreML/model.mlmodel").read_bytes()
    main = proto.Model_pb2.Model.FromString(content).mlProgram.functions["main"]
    (block,) = main.block_specializations.values()
    return sum(operation.type != "const" for operation in block.operations)


def litert(path):
    """A function from one input to scores."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(image):
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        return interpreter.get_tensor(scores["index"])

    return run


def onnxruntime(path):
    """A function from one input to scores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"image": image})[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    pixels = np.random.default_rng(1).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)
    planar = pixels.transpose(0, 3, 1, 2).copy()
    normalised = planar / 127.5 - 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = randomised(build(ModelSpec.model_validate(SPEC)))
        make_torch_files(arguments.torch_python, model, folder)
        make_our_files(model, folder)
        runs = {
            "TFLite, ours": (litert(folder / "fp32/ViT.fp32.tflite"), pixels),
            "ONNX, ours": (onnxruntime(folder / "fp32/ViT.fp32.onnx"), planar),
            "ONNX, torch": (onnxruntime(folder / "torch.onnx"), normalised),
        }
        if (folder / "torch.tflite").exists():
            runs["TFLite, torch"] = (litert(folder / "torch.tflite"), normalised)
        figures = {"Core ML operations": program_operations(folder / "coreml/ViT.mlpackage")}

    scores = {name: run(image).ravel() for name, (run, image) in runs.items()}
    for name, found in scores.items():
        if np.abs(found - scores["ONNX, torch"]).max() > 1e-4:
            sys.exit(f"{name} gives {found}, torch {scores['ONNX, torch']}")
    seconds = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, (run, image) in runs.items():
            start = time.perf_counter()
            run(image)
            seconds[name].append(time.perf_counter() - start)

    median = {name: statistics.median(taken) for name, taken in seconds.items()}
    for kind in ("TFLite", "ONNX"):
        if f"{kind}, torch" in median:
            figures[kind] = median[f"{kind}, ours"] / median[f"{kind}, torch"]
    if arguments.json:
        print(json.dumps({"seconds": seconds, "figures": figures}))
        return
    for name, taken in seconds.items():
        spread = f"{min(taken) * 1e3:.1f} to {max(taken) * 1e3:.1f}"
        print(f"{name:14} {median[name] * 1e3:6.1f} ms ({spread})")
    if "TFLite" not in figures:
        print(f"TFLite         no comparison: {arguments.torch_python} has no litert-torch")
    for name, figure in figures.items():
        met = "met" if figure <= BARS[name] else "MISSED"
        print(f"{name:18} {figure:7.2f}   bar {BARS[name]:6.2f}   {met}")


if __name__ == "__main__":
    main()
