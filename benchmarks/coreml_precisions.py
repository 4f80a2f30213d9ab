"""Core ML's compressed precisions against coremltools' own, on photographs, in one run.

    python benchmarks/coreml_precisions.py --shared ../shared [--only pal6,pal4] [--json]

Every third photograph calibrates; the others are evaluated whole, mirrored and as three crops each.
All files are run by the reference executor and held against the original network. coremltools' w8a8
is calibrated on the same pictures by our executor, which its own calibration would need a Mac for.
Bars: w8 no flip with a margin above .1; pal6 flips at most 0.5 %; pal4 and w8a8 at most half of
coremltools' mean score error.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"

import numpy as np
from PIL import Image

import edgeconv
from edgeconv.classifier import load_classifier
from edgeconv.files import size_of
from edgeconv.images import find_images
from edgeconv.parity.gates import align
from edgeconv.parity.statistics import margins
from edgeconv.runtimes import as_declared
from edgeconv.runtimes.coreml import ReferenceExecutor

MODEL = "nsfwjs-mobilenet-v2"
PRECISIONS = ("pal6", "pal4", "w8", "w8a8", "pal8")


def evaluation_pixels(photos, size):
    """(5 N, H, W, 3): each photograph whole, mirrored, and three crops of three quarters."""
    pixels = []
    for photo in photos:
        image = Image.open(photo).convert("RGB")
        width, height = image.size
        wide, high = int(0.75 * width), int(0.75 * height)
        corners = (
            (0, 0),
            (width - wide, height - high),
            ((width - wide) // 2, (height - high) // 2),
        )
        boxes = [(0, 0, width, height), *((x, y, x + wide, y + high) for x, y in corners)]
        made = [np.asarray(image.crop(b).resize(size, Image.Resampling.BILINEAR)) for b in boxes]
        pixels += [made[0], made[0][:, ::-1], *made[1:]]
    return np.stack(pixels)


def stock(source, precision, pictures, path):
    """The same precision by coremltools' defaults."""
    import coremltools as ct
    import coremltools.optimize.coreml as cto

    from edgeconv.runtimes.coreml_reference.activation_calibration import quantize_activations

    def config(op):
        return cto.OptimizationConfig(global_config=op)

    model = ct.models.MLModel(str(source), skip_model_load=True)
    if precision.startswith("pal"):
        palette = cto.OpPalettizerConfig(mode="kmeans", nbits=int(precision[3:]))
        made = cto.palettize_weights(model, config(palette))
    else:
        linear = config(cto.OpLinearQuantizerConfig(mode="linear_symmetric"))
        if precision == "w8a8":
            model = quantize_activations(model, linear, [{"image": one} for one in pictures])
        made = cto.linear_quantize_weights(model, linear)
    made.save(str(path))


def scores_of(path, pixels, labels):
    runtime = ReferenceExecutor(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(lambda one: runtime.run(as_declared(one, runtime.signature)), pixels))
    return align(np.stack(rows), runtime.labels, labels)


def figures(path, pixels, reference, labels, seconds):
    apart = np.abs((scores := scores_of(path, pixels, labels)) - reference)
    flipped = scores.argmax(axis=1) != reference.argmax(axis=1)
    return {
        "MB": size_of(path) / 1e6,
        "mean": float(apart.mean()),
        "max": float(apart.max()),
        "flips": int(flipped.sum()),
        "flip_rate": float(flipped.mean()),
        "widest_margin_flipped": float(margins(reference)[flipped].max(initial=0.0)),
        "seconds": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--only", default=",".join(PRECISIONS))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    shared, work = arguments.shared, Path(tempfile.mkdtemp())
    photos = find_images([shared / "photos/natural"])
    classifier = load_classifier(MODEL, shared / "checkpoints/nsfwjs_mobilenet_v2")
    given = work / "calibration"
    given.mkdir()
    for photo in photos[::3]:
        shutil.copy(photo, given)
    height, width = classifier.spec.input.size
    pixels = evaluation_pixels([p for i, p in enumerate(photos) if i % 3], (width, height))
    pictures = evaluation_pixels(photos[::3], (width, height))[::5][::2]
    reference = classifier.freeze().scores(pixels)
    print(f"{len(pixels)} evaluation inputs of {classifier.spec.name}", flush=True)

    def made(precision, ios=16):
        run = edgeconv.export(
            classifier, targets=["coreml"], precisions=[precision], calibration=given,
            verify=False, minimum_ios=ios, out=work / f"{precision}-{ios}",
        )  # fmt: skip
        return next(run.out / e.path for e in run.manifest.artifacts if "mlpackage" in e.path)

    results = {}
    for precision in arguments.only.split(","):
        path = work / f"stock.{precision}.mlpackage"
        source = made("fp16", 17 if precision == "w8a8" else 16)
        start = time.perf_counter()
        ours = made(precision)
        middle = time.perf_counter()
        stock(source, precision, pictures, path)
        end = time.perf_counter()
        for name, file, seconds in (
            ("edgeconv", ours, middle - start),
            ("coremltools", path, end - middle),
        ):
            found = figures(file, pixels, reference, classifier.spec.labels, seconds)
            results[f"{precision} {name}"] = found
            print(
                f"{precision:5s} {name:12s} {found['MB']:.2f} MB  mean {found['mean']:.5f}  "
                f"max {found['max']:.3f}  flips {found['flips']} ({found['flip_rate']:.2%}), "
                f"widest margin {found['widest_margin_flipped']:.3f}  made in {seconds:.0f} s",
                flush=True,
            )
        ratio = (
            results[f"{precision} edgeconv"]["mean"] / results[f"{precision} coremltools"]["mean"]
        )
        print(f"{precision:5s} mean error is {ratio:.2f} of coremltools' own", flush=True)
    if arguments.json:
        json.dump(results, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
