"""Our int8 files against those of the stock tools, made in the same run of the same network.

    python benchmarks/int8_accuracy.py --shared ../shared [--rounds 60] [--json]

Stock tools: tensorflow's TFLiteConverter (all integer), and ONNX Runtime's quantize_static (QDQ,
uint8 activations, int8 weights a channel) on what tf2onnx makes of the same Keras model. All are
calibrated on every third photograph, decoded and resized as the contract says, and judged against
the float network on crops and mirror images of the others. Latency: one thread, taking turns,
medians. Nothing else should run meanwhile.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import ImageOps

from edgeconv.classifier import load_classifier
from edgeconv.images import decode, find_images, resize

MODEL = "nsfwjs-mobilenet-v2"


def views(path, preprocessing):
    """The picture, its mirror image, and three corners of it, one of them mirrored."""
    picture = decode(path, preprocessing)
    width, height = picture.size
    right, bottom = width * 4 // 5, height * 4 // 5
    corner = picture.crop((0, height - bottom, right, height))
    shown = [
        picture,
        ImageOps.mirror(picture),
        picture.crop((0, 0, right, bottom)),
        picture.crop((width - right, 0, width, bottom)),
        ImageOps.mirror(corner),
    ]
    return [resize(one, preprocessing) for one in shown]


def stock_files(classifier, calibration, folder):
    import onnx
    import tensorflow as tf
    import tf2onnx
    import tf_keras
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    pixels = tf_keras.Input(classifier.spec.input_shape, batch_size=1, name="image")
    scaled = tf_keras.layers.Rescaling(classifier.spec.input.scale)(pixels)
    model = tf_keras.Model(pixels, classifier.network.model(scaled))

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([p[None].astype(np.float32)] for p in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    (folder / "stock.tflite").write_bytes(converter.convert())

    signature = [tf.TensorSpec(pixels.shape, tf.float32, name="image")]
    proto, _ = tf2onnx.convert.from_keras(
        model, input_signature=signature, inputs_as_nchw=["image"], opset=17
    )
    onnx.save(proto, folder / "stock.fp32.onnx")
    quantize_static(
        folder / "stock.fp32.onnx",
        folder / "stock.onnx",
        Reader(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


class Reader:
    """Feeds ONNX Runtime's calibrator."""

    def __init__(self, pictures):
        self._tensors = ({"image": planar(picture)} for picture in pictures)

    def get_next(self):
        return next(self._tensors, None)


def planar(picture):
    return picture.transpose(2, 0, 1)[None].astype(np.float32)


def our_files(checkpoint, photographs, folder):
    """Export by the command line; gives the seconds it took."""
    start = time.perf_counter()
    subprocess.run(
        [
            Path(sys.executable).with_name("edgeconv"), "export", MODEL, "--weights", checkpoint,
            "--calibration", photographs, "--target", "tflite,onnx", "--precision", "fp32,int8",
            "--no-verify", "--out", folder,
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - start


def litert(path):
    """A function from uint8 pixels to float scores."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    step, zero = made["quantization"] if made["dtype"] == np.uint8 else (1, 0)

    def run(picture):
        interpreter.set_tensor(given["index"], picture[None].astype(given["dtype"]))
        interpreter.invoke()
        return (interpreter.get_tensor(made["index"])[0].astype(np.float32) - zero) * step

    return run


def onnxruntime(path):
    """A function from uint8 pixels to float scores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda picture: session.run(None, {"image": planar(picture)})[0][0]


def agreement(scores, reference):
    error = np.abs(scores - reference)
    ordered = np.sort(reference, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    flipped = scores.argmax(axis=1) != reference.argmax(axis=1)
    return {
        "mean": float(error.mean()),
        "max": float(error.max()),
        "flips": int(flipped.sum()),
        "clear flips": int((flipped & (margin > 0.1)).sum()),
    }


def latencies(runs, picture, rounds):
    seconds = {name: [] for name in runs}
    for turn in range(rounds + 3):
        for name, run in runs.items():
            start = time.perf_counter()
            run(picture)
            if turn >= 3:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) * 1e3 for name, taken in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    checkpoint = arguments.shared / "checkpoints/nsfwjs_mobilenet_v2"
    photographs = find_images([arguments.shared / "photos/natural"])
    classifier = load_classifier(MODEL, checkpoint)
    preprocessing = classifier.spec.input.preprocessing
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "calibration").mkdir()
        for path in photographs[::3]:
            shutil.copy(path, work / "calibration")
        seconds = our_files(checkpoint, work / "calibration", work / "ours")
        calibration = [
            resize(decode(path, preprocessing), preprocessing) for path in photographs[::3]
        ]
        stock_files(classifier, calibration, work)
        files = {
            "TFLite fp32": work / "ours/NSFWJS.fp32.tflite",
            "TFLite stock": work / "stock.tflite",
            "TFLite ours": work / "ours/NSFWJS.int8.tflite",
            "ONNX fp32": work / "ours/NSFWJS.fp32.onnx",
            "ONNX stock": work / "stock.onnx",
            "ONNX ours": work / "ours/NSFWJS.int8.onnx",
        }
        runs = {
            name: (litert if path.suffix == ".tflite" else onnxruntime)(path)
            for name, path in files.items()
        }
        sizes = {name: path.stat().st_size for name, path in files.items()}
        milliseconds = latencies(runs, calibration[0], arguments.rounds)

    held_out = [path for number, path in enumerate(photographs) if number % 3]
    inputs = np.stack([view for path in held_out for view in views(path, preprocessing)])
    reference = classifier.scores(inputs)
    found = {
        name: agreement(np.stack([*map(run, inputs)]), reference) for name, run in runs.items()
    }

    figures = []
    for kind in ("TFLite", "ONNX"):
        ours, stock = f"{kind} ours", f"{kind} stock"
        figures += [
            (f"{kind}: mean error / stock", found[ours]["mean"] / found[stock]["mean"], 0.5),
            (f"{kind}: max error / stock", found[ours]["max"] / found[stock]["max"], 0.5),
            (f"{kind}: flips with a margin above .1", found[ours]["clear flips"], 0),
            (f"{kind}: size / stock", sizes[ours] / sizes[stock], 1.02),
            (f"{kind}: latency / stock", milliseconds[ours] / milliseconds[stock], 1.05),
        ]
    figures += [
        (
            "TFLite: int8 / fp32 latency",
            milliseconds["TFLite ours"] / milliseconds["TFLite fp32"],
            0.5,
        ),
        (
            "ONNX / TFLite int8 latency",
            milliseconds["ONNX ours"] / milliseconds["TFLite ours"],
            1.1,
        ),
        ("seconds for both, fp32 too", seconds, 90),
    ]
    if arguments.json:
        print(json.dumps({"inputs": len(inputs), "agreement": found, "bytes": sizes,
                          "ms": milliseconds, "figures": figures}))  # fmt: skip
        return
    print(
        f"{len(inputs)} inputs of {len(held_out)} photographs, calibrated on {len(calibration)}\n"
    )
    for name, row in found.items():
        print(
            f"{name:13} {sizes[name] / 1e6:6.2f} MB {milliseconds[name]:6.1f} ms   mean "
            f"{row['mean']:.5f}  max {row['max']:.4f}  flips {row['flips']:3d}, "
            f"{row['clear flips']} with a margin above .1"
        )
    print()
    for name, figure, bar in figures:
        print(f"{name:38} {figure:7.3f}   bar {bar:6.2f}   {'met' if figure <= bar else 'MISSED'}")


if __name__ == "__main__":
    main()
