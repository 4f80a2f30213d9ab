"""Vision transformers at int8: errors against the stock tools' files, latency against float32.

    python benchmarks/int8_vit.py --shared ../shared [--rounds 30] [--json]

Two networks: the embedded `demo-vit`, trained by our own pipeline, on generated pictures; and a
ViT-Ti/384 of random weights whose scores spread over photographs, calibrated on one third of them
and judged on the rest and their mirror images. Stock files are made in the same run from the same
graph: tensorflow's dynamic range and full integer ones, and ONNX Runtime's static one of all
operations. One thread, taking turns, medians. Nothing else should run meanwhile.
Bars: mean and largest score error at most the stock dynamic range file's; latency at most 0.6 of
our own float32 file's.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from vit_latency import SPEC, litert, onnxruntime, randomised

from edgeconv.architectures.vit import build
from edgeconv.calibration import generated_calibration
from edgeconv.classifier import Classifier, load_classifier
from edgeconv.contract import Source
from edgeconv.exporting import export
from edgeconv.images import load_pixels
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.spec import ModelSpec
from edgeconv.targets.onnx_from_graph import from_graph
from edgeconv.targets.onnx_fusing import fuse
from edgeconv.training import recipe_of
from edgeconv.training.data import open_dataset

SLOWEST = 0.6
OURS = ("tflite fp32", "tflite int8", "onnx fp32", "onnx int8")
STOCK = ("tensorflow dynamic", "tensorflow full int8", "onnxruntime static, all operations")


def trained():
    """The classifier, calibration pictures and others: (N, H, W, 3) uint8."""
    classifier = load_classifier("demo-vit")
    held_out = open_dataset(classifier.spec, None, recipe_of(classifier.spec).generated).held_out
    others = np.stack([held_out.inputs(number, 0) for number in range(len(held_out.labels))])
    return classifier, generated_calibration(classifier.spec.pictures.preprocessing).inputs, others


def random(shared):
    spec = ModelSpec.model_validate(SPEC)
    files = sorted((shared / "photos/natural").iterdir())
    pixels = np.stack([load_pixels(path, spec.pictures.preprocessing) for path in files])
    calibration = pixels[::3]
    rest = np.concatenate([pixels[1::3], pixels[2::3]])
    network = KerasNetwork(spread(randomised(build(spec)), calibration, spec))
    source = Source(checkpoint_sha256="0" * 64, checkpoint_format="random")
    return Classifier(spec, network, source), calibration, np.concatenate([rest, rest[:, :, ::-1]])


def spread(model, pixels, spec):
    """The model with its last layer scaled until the scores of pictures spread around a half."""
    logits = np.log(KerasNetwork(model).freeze(spec).scores(pixels[::4]))
    margin = logits[:, 0] - logits[:, 1]
    kernel, bias = model.layers[-1].get_weights()
    scale = 2 / margin.std()
    shift = np.float32([-margin.mean() * scale / 2, margin.mean() * scale / 2])
    model.layers[-1].set_weights([kernel * scale, bias * scale + shift])
    return model


def make_ours(classifier, calibration, folder):
    np_pictures = folder / "calibration"
    np_pictures.mkdir()
    from PIL import Image

    for number, picture in enumerate(calibration):
        Image.fromarray(picture).save(np_pictures / f"{number:04}.png")
    start = time.perf_counter()
    export(
        classifier, targets=["tflite", "onnx"], precisions=["fp32", "int8"], out=folder / "ours",
        calibration=np_pictures, verify=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    base = classifier.spec.basename
    return {
        f"{suffix} {precision}": folder / f"ours/{base}.{precision}.{suffix}"
        for suffix in ("tflite", "onnx")
        for precision in ("fp32", "int8")
    }, seconds


def make_stock(classifier, calibration, folder):
    import onnxruntime.quantization as ort
    import tensorflow as tf

    frozen = classifier.freeze()
    paths = [folder / "dynamic.tflite", folder / "full.tflite", folder / "static.onnx"]
    for path in paths[:2]:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen.function])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if path.stem == "full":
            converter.representative_dataset = lambda: (
                [picture[None].astype(np.float32)] for picture in calibration
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        path.write_bytes(converter.convert())
    model = from_graph(frozen)
    fuse(model)
    model.write(folder / "plain.onnx")
    tensors = iter(calibration.transpose(0, 3, 1, 2)[:, None].astype(np.float32))

    class Reader(ort.CalibrationDataReader):
        def get_next(self):
            tensor = next(tensors, None)
            return None if tensor is None else {"image": tensor}

    ort.quantize_static(folder / "plain.onnx", paths[2], Reader(), per_channel=True)
    return dict(zip(STOCK, paths, strict=True))


def runner(path):
    """A function from one (1, H, W, 3) float32 picture to scores."""
    if path.suffix == ".tflite":
        return litert(path)
    run = onnxruntime(path)
    return lambda image: run(image.transpose(0, 3, 1, 2))


def measured(classifier, calibration, others, rounds, folder):
    paths, making = make_ours(classifier, calibration, folder)
    paths |= make_stock(classifier, calibration, folder)
    runs = {name: runner(path) for name, path in paths.items()}
    images = others[:, None].astype(np.float32)
    scores = {name: np.concatenate([run(image) for image in images]) for name, run in runs.items()}
    seconds = {name: [] for name in OURS}
    for number in range(rounds):
        for name in OURS:
            start = time.perf_counter()
            runs[name](images[number % len(images)])
            seconds[name].append(time.perf_counter() - start)
    exact = scores["tflite fp32"]
    if exact.std(axis=0).min() < 0.05:
        sys.exit(f"scores that hardly vary prove nothing: {exact.std(axis=0)}")
    found = {"pictures": len(others), "making_seconds": making, "files": {}}
    for name, got in scores.items():
        error = np.abs(got - exact)
        found["files"][name] = {
            "mean": float(error.mean()),
            "max": float(error.max()),
            "flips": int((got.argmax(axis=1) != exact.argmax(axis=1)).sum()),
            "megabytes": paths[name].stat().st_size / 1e6,
        }
    for kind in ("tflite", "onnx"):
        medians = [statistics.median(seconds[f"{kind} {p}"]) for p in ("int8", "fp32")]
        found["files"][f"{kind} int8"]["latency"] = medians[0] / medians[1]
    return found


def show(name, found):
    print(f"{name}: {found['pictures']} pictures; ours made in {found['making_seconds']:.0f} s")
    bar = found["files"][STOCK[0]]
    for file, one in found["files"].items():
        line = (
            f"  {file:36} {one['megabytes']:5.1f} MB  mean {one['mean']:.4f}  "
            f"max {one['max']:.3f}  flips {one['flips']}"
        )
        if "latency" in one:
            met = {
                "mean": one["mean"] <= bar["mean"],
                "max": one["max"] <= bar["max"],
                f"latency {one['latency']:.2f} (bar {SLOWEST})": one["latency"] <= SLOWEST,
            }
            line += "  " + ", ".join(f"{n} {'met' if ok else 'MISSED'}" for n, ok in met.items())
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for name, made in (("demo-vit", trained), ("ViT-Ti/384", lambda: random(arguments.shared))):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = measured(*made(), arguments.rounds, Path(folder))
        if not arguments.json:
            show(name, found[name])
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
