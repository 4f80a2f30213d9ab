"""Speed of ``edgeconv score`` on folders of photographs.

    npm install --prefix /tmp/nsfwjs nsfwjs@4.3 @tensorflow/tfjs@4 \\
        @tensorflow/tfjs-backend-wasm@4 sharp
    python benchmarks/score_images.py --shared ../shared --node /tmp/nsfwjs/node_modules [--json]

Large pictures, by the embedded demo: photographs enlarged to 4000 x 3000 with grain over them,
against Pillow's full decode, the contract's resize and the same inference, one by one in one
process. How far scores move is taken over every one of them, against ``--exact-decode``. The same
is given without a bar for nsfwjs's MobileNetV2: a picture it is torn about moves by .017 where the
same pixels are rounded in another order, so there a larger fraction is decoded, or all.

Small ones, by nsfwjs's MobileNetV2 in float32: the photographs as they are (500 x 375), against
nsfwjs itself (WASM, Node, decoded by sharp), and against decoding alone plus inference alone, both
timed on one core and shared out perfectly among all.

Folders hold photographs several times, under other names. ``edgeconv score`` is timed from call to
return: imports, start of its processes and choosing how to decode included. Nothing else should run
meanwhile. Bars: 2.5 times, scores within .005; 5 times nsfwjs; 1.3 of perfection.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

LARGE = 20
LEAST = {"large": 2.5, "nsfwjs": 5.0}
MOST = {"perfection": 1.3, "difference": 0.005}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--node", type=Path, help="node_modules with nsfwjs; left out without")
    parser.add_argument("--copies", type=int, default=8, help="of each of 334 photographs")
    parser.add_argument("--large-copies", type=int, default=25, help="of each of 20 large ones")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(arguments, Path(folder))
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        bar = LEAST.get(name) or MOST.get(name)
        met = "" if bar is None else "met" if (value >= bar) == (name in LEAST) else "MISSED"
        print(f"{name:22} {value:10.4g}  {f'(bar {bar})  {met}' if bar else ''}")


def measured(arguments, place):
    weights = arguments.shared / "checkpoints/nsfwjs_mobilenet_v2"
    theirs = exported("nsfwjs-mobilenet-v2", "NSFWJS", place, weights)
    photos = sorted((arguments.shared / "photos/natural").iterdir())
    large, small = place / "large", place / "small"
    enlarge(photos[:LARGE], large, arguments.large_copies)
    copy(photos, small, arguments.copies)
    by_nsfwjs = large_pictures(theirs, large, place / "by-nsfwjs")
    found = {
        **large_pictures(exported("demo", "Demo", place), large, place / "by-demo"),
        **{f"nsfwjs_{name}": value for name, value in by_nsfwjs.items()},
        **small_pictures(theirs, small, place),
    }
    if arguments.node:
        ms = nsfwjs(arguments.node, weights, photos[:100], place / "few")
        found["nsfwjs_ms"] = ms
        found["nsfwjs"] = ms / found["small_ms"]
    return found


def exported(model, name, place, weights=None):
    from edgeconv import export

    out = place / model
    export(model, targets=["tflite"], precisions=["fp32"], weights=weights, out=out, verify=False)
    return out / f"{name}.fp32.tflite"


def enlarge(photos, folder, copies):
    """Twelve megapixels, with the grain of a camera: without it JPEG would have little to say."""
    folder.mkdir()
    random = np.random.default_rng(0)
    grain = random.normal(0, 6, (3000, 4000, 1))
    for path in photos:
        with Image.open(path) as photo:
            whole = photo.convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC)
        pixels = (np.asarray(whole) + grain).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{path.stem}-0.jpg", quality=90)
        for number in range(1, copies):
            os.link(folder / f"{path.stem}-0.jpg", folder / f"{path.stem}-{number}.jpg")


def copy(photos, folder, copies):
    folder.mkdir()
    for number in range(copies):
        for path in photos:
            (folder / f"{number}-{path.name}").symlink_to(path)


def large_pictures(artifact, folder, place):
    place.mkdir()
    fast, run = scored(artifact, folder, place / "fast")
    originals = place / "originals.txt"
    originals.write_text("\n".join(map(str, sorted(folder.glob("*-0.jpg")))))
    scored(artifact, originals, place / "exact", exact_decode=True)
    loop = pillow_loop(artifact, folder)
    return {
        "large": loop / fast,
        "difference": difference(place / "fast", place / "exact"),
        "large_ms": fast * 1e3,
        "pillow_loop_ms": loop * 1e3,
        "least_side": run.summary["decided"]["decoding"]["least_side"] or 0,
    }


def small_pictures(artifact, folder, place):
    small, _ = scored(artifact, folder, place / "small-scores")
    decoding, inference = alone(artifact, sorted(folder.iterdir())[:334])
    perfect = (decoding + inference) / os.cpu_count()
    return {
        "small_ms": small * 1e3,
        "decoding_alone_ms": decoding * 1e3,
        "inference_alone_ms": inference * 1e3,
        "perfection": small / perfect,
    }


def scored(artifact, folder, out, **options):
    """Seconds a picture, and the run."""
    import edgeconv

    start = time.perf_counter()
    run = edgeconv.score(artifact, folder, out, **options)
    assert run.counts.errors == 0
    return (time.perf_counter() - start) / run.counts.rows, run


def pillow_loop(artifact, folder):
    """Seconds a picture, one by one: full decode, the contract's resize, inference."""
    from edgeconv import open_scorer
    from edgeconv.images import load_pixels

    scorer = open_scorer(artifact)
    paths = sorted(folder.glob("*-0.jpg"))
    scorer.score(load_pixels(paths[0], scorer.preprocessing))
    start = time.perf_counter()
    for path in paths:
        scorer.score(load_pixels(path, scorer.preprocessing))
    return (time.perf_counter() - start) / len(paths)


def alone(artifact, paths):
    """Seconds a picture of decoding on one core, and of inference on one core."""
    from edgeconv import open_scorer
    from edgeconv.images import load_pixels

    scorer = open_scorer(artifact)
    start = time.perf_counter()
    pixels = [load_pixels(path, scorer.preprocessing) for path in paths]
    decoding = (time.perf_counter() - start) / len(paths)
    scorer.score(pixels[0])
    start = time.perf_counter()
    for one in pixels:
        scorer.score(one)
    return decoding, (time.perf_counter() - start) / len(paths)


def difference(all_of_them, some):
    """The largest one of any score, over the pictures that both runs hold."""
    mine, exact = (scores_by_key(place) for place in (all_of_them, some))
    return max(float(np.abs(mine[key] - scores).max()) for key, scores in exact.items())


def scores_by_key(place):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(place / "scores")
    names = [name for name in table.column_names if name.startswith("score_")]
    scores = np.stack([table[name].to_numpy() for name in names], axis=1)
    return dict(zip(table["key"].to_pylist(), scores, strict=True))


def nsfwjs(modules, weights, photos, folder):
    """Milliseconds a picture that nsfwjs itself takes."""
    copy(photos, folder, 1)
    script = Path(__file__).with_name("nsfwjs_folder.cjs")
    done = subprocess.run(
        ["node", script, modules, weights, folder], check=True, capture_output=True, text=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["backend"] == "wasm"
    return answer["seconds"] / answer["pictures"] * 1e3


if __name__ == "__main__":
    sys.exit(main())
