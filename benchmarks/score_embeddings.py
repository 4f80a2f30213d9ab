"""Speed of ``edgeconv score`` on embeddings: LAION's ViT-L/14 head over four million rows.

    python benchmarks/score_embeddings.py --shared ../shared [--rows 4000000] [--json]

Timed in the same run, each in a process of its own, on all cores, loading not counted for the
others: the original SavedModel called in batches of 4,096; a bare loop of ONNX Runtime over arrays
in memory, on the very graph that the scorer runs, all cores in each call; and, for comparison only,
that loop in a thread a core. ``edgeconv score`` reads float32 rows from ``.npy``, checks each,
judges it, writes parquet, and is timed from call to return, loading the model included; importing
edgeconv is not. The file has half a million rows and is listed as often as needed, so it comes from
the system's cache. LAION's run had billions: at a few million, what comes before the first row is
still a share, and is given. Nothing else should run meanwhile.
Bars: 3 times the SavedModel; 80 % of the bare loop.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

BATCH = 4096
FILE = 500_000
BARS = {"saved_model": 3.0, "onnx_runtime": 0.8}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, model, rows = arguments.child
        print(json.dumps(CHILDREN[kind](Path(model), Path(rows))))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = measured(arguments.shared, arguments.rows, Path(folder))
    if arguments.json:
        print(json.dumps(found))
        return
    score = found["score"]["rows_per_second"]
    print(
        f"edgeconv score {score:,.0f} rows a second, batches of {found['score']['batch']}; "
        f"{found['score']['first_rows_after']:.2f} s before the first are done"
    )
    for name, bar in BARS.items():
        other = found[name]["rows_per_second"]
        ratio = score / other
        met = "met" if ratio >= bar else "MISSED"
        print(f"{name:14} {other:,.0f} rows a second: {ratio:.2f} times (bar {bar})  {met}")
    threads = found["onnx_runtime_threads"]["rows_per_second"]
    print(f"the bare loop in a thread a core: {threads:,.0f} rows a second")
    cpu = {
        name: round(one["cpu_us_per_row"], 2) for name, one in found.items() if name != "difference"
    }
    print(f"CPU, microseconds a row, start included: {cpu}")
    print(f"scores differ by at most {found['difference']:.1e} from the SavedModel's")


def measured(shared, count, place):
    from edgeconv import export

    archive = shared / "checkpoints/laion/clip_autokeras_binary_nsfw.zip"
    out = export(
        "laion-clip-l14-head", targets=["onnx"], weights=archive, out=place / "export", verify=False
    ).out
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(place / "original")
    (original,) = {path.parent for path in (place / "original").rglob("saved_model.pb")}
    write_rows(shared, count, place)
    artifact = out / "LaionClipL14Head.fp32.onnx"
    found = {
        "saved_model": child("saved_model", original, place / "few.npy"),
        "onnx_runtime": child("onnx_runtime", artifact, place / "few.npy"),
        "onnx_runtime_threads": child("onnx_runtime_threads", artifact, place / "few.npy"),
        "score": child("score", artifact, place / "rows.txt"),
    }
    firsts = {name: np.array(one.pop("firsts")) for name, one in found.items()}
    return {**found, "difference": float(np.abs(firsts["saved_model"] - firsts["score"]).max())}


def write_rows(shared, count, place):
    golden = np.load(shared / "golden/laion_clip_l14.npz")["embeddings_float16"]
    rows = np.tile(golden.astype(np.float32), (FILE // len(golden) + 1, 1))[:FILE]
    np.save(place / "rows.npy", rows)
    np.save(place / "few.npy", rows[: 40 * BATCH])
    (place / "rows.txt").write_text(f"{place / 'rows.npy'}\n" * (count // FILE))


def child(kind, model, rows):
    command = [sys.executable, __file__, "--child", kind, str(model), str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def loop(run, rows, threads=1):
    """Rows a second of a function over batches in memory, and its first scores."""
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    first = run(batches[0])
    start, cpu = time.perf_counter(), cpu_seconds()
    if threads == 1:
        for batch in batches:
            run(batch)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, batches))
    return {
        "rows_per_second": len(rows) / (time.perf_counter() - start),
        "cpu_us_per_row": (cpu_seconds() - cpu) / len(rows) * 1e6,
        "firsts": np.asarray(first)[:, -1].tolist(),
    }


def cpu_seconds():
    """Of this process and of those that it started and has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def saved_model(model, rows):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(model))
    serve = loaded.signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]
    given = np.load(rows).astype(np.float64)
    return loop(lambda batch: next(iter(serve(**{name: tf.constant(batch)}).values())), given)


def onnx_runtime(model, rows):
    """Threads inside a run, and the batch that suits them best."""
    return fastest(model, rows, inside=os.cpu_count(), outside=1)


def onnx_runtime_threads(model, rows):
    """A run in each of several threads."""
    return fastest(model, rows, inside=1, outside=os.cpu_count())


def fastest(model, rows, inside, outside):
    from edgeconv.artifact import open_artifact
    from edgeconv.scoring.onnx_batches import OnnxBatches

    contract, given = open_artifact(model).contract, np.load(rows)
    ways = [
        loop(OnnxBatches(model, contract, batch, inside), given, outside)
        for batch in (256, 512, 1024, BATCH)
    ]
    return max(ways, key=lambda way: way["rows_per_second"])


def score(model, rows):
    import pyarrow.parquet

    import edgeconv

    with tempfile.TemporaryDirectory() as out:
        start, cpu = time.perf_counter(), cpu_seconds()
        looks = []
        watch = lambda tally: looks.append((time.perf_counter(), tally.counts.rows))  # noqa: E731
        run = edgeconv.score(model, rows, out, watchers=[watch])
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        first = pyarrow.parquet.read_table(f"{out}/scores/part-000000.parquet", memory_map=False)
        return {
            "rows_per_second": run.counts.rows / seconds,
            "cpu_us_per_row": cpu / run.counts.rows * 1e6,
            "first_rows_after": looks[0][0] - start,
            "batch": run.summary["decided"]["batch"],
            "firsts": first["score_nsfw"].to_numpy()[:BATCH].tolist(),
        }


CHILDREN = {one.__name__: one for one in (saved_model, onnx_runtime, onnx_runtime_threads, score)}

if __name__ == "__main__":
    main()
