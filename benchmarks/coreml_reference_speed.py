"""Latency of the Core ML reference executor against ONNX Runtime on our own fp32 ONNX file.

    python benchmarks/coreml_reference_speed.py --shared ../shared [--rounds 60] [--json]

Both run the same model on the same photographs, one thread, taking turns. Nothing else should run
meanwhile. Bars: at most 2.0 times the latency; loading in under a second.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from edgeconv.exporting import export
from edgeconv.images import load_pixels
from edgeconv.runtimes import as_declared, open_runtime
from edgeconv.spec import load_spec

FILES = ("NSFWJS.fp32.onnx", "NSFWJS.mlmodel", "NSFWJS.fp32.mlpackage", "NSFWJS.mlpackage")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        run = export(
            "nsfwjs-mobilenet-v2",
            targets=["coreml", "onnx"],
            precisions=["fp32", "fp16"],
            weights=arguments.shared / "checkpoints/nsfwjs_mobilenet_v2",
            out=folder,
            verify=False,
        )
        loading, runtimes = {}, {}
        for name in FILES:
            start = time.perf_counter()
            runtimes[name] = open_runtime(run.out / name)
            loading[name] = time.perf_counter() - start
    photographs = sorted((arguments.shared / "photos/natural").iterdir())[: arguments.rounds]

    preprocessing = load_spec("nsfwjs-mobilenet-v2").input.preprocessing
    taken = {name: [] for name in FILES}
    for turn, photograph in enumerate([photographs[0], *photographs]):
        pixels = load_pixels(photograph, preprocessing)
        for name, runtime in runtimes.items():
            tensor = as_declared(pixels, runtime.signature)
            start = time.perf_counter()
            runtime.run(tensor)
            if turn:
                taken[name].append(time.perf_counter() - start)

    median = {name: statistics.median(times) * 1e3 for name, times in taken.items()}
    ratios = {name: median[name] / median[FILES[0]] for name in FILES}
    if arguments.json:
        print(json.dumps({"median_ms": median, "ratios": ratios, "load_s": loading}))
        return
    for name in FILES:
        met = ratios[name] <= 2.0 and loading[name] < 1.0
        print(
            f"{name:24} {median[name]:6.2f} ms  {ratios[name]:5.2f} of ONNX Runtime (bar 2.00)  "
            f"load {loading[name]:.2f} s (bar 1.00)  {'met' if met else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
