"""``edgeconv.score`` as a whole, on the embedded demo: rows, plan, resume, summary."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scoring_inputs import read_parts, unit_rows
from typer.testing import CliRunner

import edgeconv
from edgeconv.cli.app import app
from edgeconv.errors import MissingDependency, ScoringError, UnknownName, UsageError
from edgeconv.generated import LABELS, draw_pattern
from edgeconv.parity.awkward import awkward_drawings
from edgeconv.scoring.chunks import chunk_size
from edgeconv.scoring.job import Job
from edgeconv.scoring.watching import PrometheusFile


def pattern(number, size=(120, 160)):
    return Image.fromarray(draw_pattern(LABELS[number % len(LABELS)], 0.2, number, size))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Forty drawings, which make three chunks."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(40):
        pattern(number).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture
def score(demo_artifact, tmp_path):
    def run(given, out="out", **options):
        return edgeconv.score(demo_artifact, given, tmp_path / out, workers=1, **options)

    return run


def test_rows_are_what_classify_says(score, demo_artifact, photos, tmp_path):
    done = score(photos)
    rows = read_parts(tmp_path / "out/scores")
    decisions = list(edgeconv.classify(edgeconv.open_scorer(demo_artifact), [photos]))
    assert [row["key"] for row in rows] == [one.file for one in decisions]
    assert [(row["label"], row["unsafe"]) for row in rows] == [
        (one.label, one.unsafe) for one in decisions
    ]
    for label in LABELS:
        expected = [one.scores[label] for one in decisions]
        assert [row[f"score_{label}"] for row in rows] == pytest.approx(expected, abs=1e-6)
    assert len({row["label"] for row in rows}) == 3
    assert done.counts.rows == 40
    assert done.counts.unsafe == sum(row["unsafe"] for row in rows)
    assert sum(done.counts.labels.values()) == 40
    assert json.loads((tmp_path / "out/summary.json").read_text()) == json.loads(
        json.dumps(done.summary)
    )
    assert [path.name for path in sorted((tmp_path / "out/scores").iterdir())] == [
        f"part-{number:06}.parquet" for number in range(3)
    ]


def test_awkward_pictures_are_scored_and_broken_ones_are_rows(score, demo_artifact, tmp_path):
    folder = tmp_path / "awkward"
    folder.mkdir()
    for drawing in awkward_drawings():
        drawing.draw().save(folder / drawing.name, **drawing.options)
    good = {drawing.name for drawing in awkward_drawings()}
    huge = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(huge, "PNG")
    stream = io.BytesIO()
    pattern(0, (300, 300)).save(stream, "JPEG")
    broken = {
        "bomb.png": huge.getvalue(),
        "cut.jpg": stream.getvalue()[:3000],
        "empty.jpg": b"",
        "text.png": b"hello",
        "heic.jpg": b"\x00\x00\x00\x18ftypheic" + bytes(100),
        "pdf.png": b"%PDF-1.7" + bytes(100),
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "icon.png": b"\x00\x00\x01\x00" + bytes(100),
    }
    for name, content in broken.items():
        (folder / name).write_bytes(content)
    (folder / "folder.png").mkdir()
    done = score(folder)
    rows = {row["key"].rpartition("/")[2]: row for row in read_parts(tmp_path / "out/scores")}
    assert set(rows) == good | set(broken)
    assert {name for name, row in rows.items() if row["error"]} == set(broken)
    assert "\n" not in "".join(row["error"] or "" for row in rows.values())
    assert "too large" in rows["bomb.png"]["error"]
    assert done.counts.errors == len(broken)


def test_a_run_goes_on_where_it_stopped(score, photos, tmp_path, monkeypatch):
    whole = score(photos, "whole")
    ran, run = [], Job.run

    def dies(job, chunk):
        ran.append(chunk.number)
        if len(ran) == 2:
            raise KeyboardInterrupt
        return run(job, chunk)

    monkeypatch.setattr(Job, "run", dies)
    with pytest.raises(KeyboardInterrupt):
        score(photos)
    assert len(list((tmp_path / "out/scores").iterdir())) == 1
    part = tmp_path / "out/scores/part-000000.parquet"
    first = part.stat()
    (part.parent / ".part-000001.parquet.half").write_bytes(b"of a writer that was killed")
    again = score(photos)
    assert ran == [0, 1, 1, 2]
    assert (part.stat().st_ino, part.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert same_parts(tmp_path / "out", tmp_path / "whole")
    assert again.counts == whole.counts
    assert again.summary["rows_of_an_earlier_run"] == 16
    assert score(photos).counts == whole.counts
    assert ran == [0, 1, 1, 2]


def same_parts(one, other):
    return [path.read_bytes() for path in sorted((one / "scores").iterdir())] == [
        path.read_bytes() for path in sorted((other / "scores").iterdir())
    ]


def test_another_run_is_not_mixed_in(score, demo_artifact, photos, tmp_path):
    score(photos)
    with pytest.raises(ScoringError, match="exact_decode: False, and now True"):
        score(photos, exact_decode=True)
    changed = tmp_path / "Demo.fp32.onnx"
    shutil.copy(demo_artifact, changed)
    edgeconv.score(changed, photos, tmp_path / "mine", workers=1)
    changed.write_bytes(changed.read_bytes() + b"\xf2\x7f\x00")
    with pytest.raises(ScoringError, match="not the file that the run began with"):
        edgeconv.score(changed, photos, tmp_path / "mine", workers=1)
    (tmp_path / "out/chunks.jsonl.gz").write_bytes(b"damaged")
    with pytest.raises(ScoringError, match="is not this one"):
        score(photos)


def test_a_row_too_few_is_no_success(score, photos, monkeypatch):
    run = Job.run
    monkeypatch.setattr(
        Job, "run", lambda job, chunk: run(job, chunk) + type(run(job, chunk))(rows=-1)
    )
    with pytest.raises(ScoringError, match="not one row for each input"):
        score(photos)


def test_out_may_be_a_url(demo_artifact, photos):
    import fsspec

    memory = fsspec.filesystem("memory")
    try:
        done = edgeconv.score(demo_artifact, photos, "memory://out", workers=1)
        names = {path.rpartition("/")[2] for path in memory.ls("/out/scores", detail=False)}
        assert names == {f"part-{number:06}.parquet" for number in range(3)}
        again = edgeconv.score(demo_artifact, photos, "memory://out", workers=1)
        assert again.summary["rows_of_an_earlier_run"] == done.counts.rows == 40
    finally:
        memory.rm("/out", recursive=True)


def large_jpegs(folder, count, size=(1200, 1600)):
    folder.mkdir()
    for number in range(count):
        pattern(number, size).save(folder / f"{number}.jpg", quality=95, subsampling=0)
    return folder


def test_jpegs_are_decoded_at_a_fraction_where_that_is_as_good(score, tmp_path):
    folder = large_jpegs(tmp_path / "large", 4)
    exact = score(folder, "exact", exact_decode=True)
    scaled = score(folder, "scaled")
    assert exact.summary["decided"]["decoding"]["least_side"] is None
    decoding = scaled.summary["decided"]["decoding"]
    assert decoding["least_side"] == 448
    assert decoding["sample"] == 4
    assert 0 < decoding["difference"] <= 0.005
    pairs = zip(
        read_parts(tmp_path / "exact/scores"), read_parts(tmp_path / "scaled/scores"), strict=True
    )
    gaps = [abs(a[f"score_{label}"] - b[f"score_{label}"]) for a, b in pairs for label in LABELS]
    assert max(gaps) == pytest.approx(decoding["difference"])


def test_and_whole_where_it_is_not(score, tmp_path, monkeypatch):
    monkeypatch.setattr("edgeconv.scoring.decoding.LARGEST_DIFFERENCE", 1e-9)
    done = score(large_jpegs(tmp_path / "large", 2))
    decoding = done.summary["decided"]["decoding"]
    assert decoding["least_side"] is None
    assert decoding["difference"] > 1e-9
    assert "is allowed" in decoding["why"]


def test_and_at_a_larger_fraction_where_that_is(score, tmp_path, monkeypatch):
    folder = large_jpegs(tmp_path / "large", 2, (1900, 2400))
    at_twice = score(folder, "twice").summary["decided"]["decoding"]
    monkeypatch.setattr("edgeconv.scoring.decoding.AMPLE", (4,))
    at_four_times = score(folder, "four").summary["decided"]["decoding"]
    assert at_four_times["difference"] < at_twice["difference"]
    between = (at_four_times["difference"] + at_twice["difference"]) / 2
    monkeypatch.setattr("edgeconv.scoring.decoding.AMPLE", (2, 4))
    monkeypatch.setattr("edgeconv.scoring.decoding.LARGEST_DIFFERENCE", between)
    assert score(folder, "tried").summary["decided"]["decoding"] == {
        **at_four_times,
        "why": at_four_times["why"].replace("0.005 is", f"{between} is"),
    }


def test_prometheus(score, photos, tmp_path):
    score(photos, watchers=[PrometheusFile(tmp_path / "edgeconv.prom")])
    lines = (tmp_path / "edgeconv.prom").read_text().splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(found["edgeconv_score_done"]) == float(found["edgeconv_score_planned"]) == 40
    by_label = [float(value) for key, value in found.items() if "score_label{" in key]
    assert sum(by_label) == 40


def test_what_cannot_be_is_said(score, photos):
    with pytest.raises(UnknownName, match="spark"):
        score(photos, engine="sparkle")
    with pytest.raises(UsageError, match="no cluster"):
        score(photos, cluster="auto")
    with pytest.raises(UsageError, match="no operating point"):
        score(photos, point="strict")


def test_a_missing_extra_is_named(score, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingDependency, match=r"edgeconv\[data\]"):
        score(photos)


def test_chunks_depend_on_nothing_but_the_inputs():
    assert chunk_size(1, 16, 1024) == 16
    assert chunk_size(2000, 16, 1024) == 32
    assert chunk_size(10**7, 16, 1024) == 1024


def test_the_command(demo_artifact, photos, tmp_path):
    out = tmp_path / "out"
    command = ["score", str(demo_artifact), str(photos), "--out", str(out), "--workers", "1"]
    answer = CliRunner().invoke(app, [*command, "--json"])
    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.stdout)["counts"]["rows"] == 40
    assert "40 of 40" in answer.stderr
    plain = CliRunner().invoke(app, command)
    assert "40 rows" in plain.stdout
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_bytes(b"nothing")
    bad = [*command[:2], str(tmp_path / "bad"), "--out", str(tmp_path / "o"), "--workers", "1"]
    assert CliRunner().invoke(app, bad).exit_code == 2


def test_a_model_of_pictures_takes_no_embeddings(tmp_path, score):
    (tmp_path / "only").mkdir()
    np.save(tmp_path / "only/rows.npy", unit_rows(3))
    with pytest.raises(UsageError, match="nothing to score"):
        score(tmp_path / "only")


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(demo_artifact, photos, tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        out = str(tmp_path / name)
        code = (
            "from edgeconv.cli import main; import sys; sys.argv[0] = 'edgeconv'\n"
            "if __name__ == '__main__': main()"
        )
        (tmp_path / "main.py").write_text(code)
        subprocess.run(
            [
                *(sys.executable, tmp_path / "main.py", "score", demo_artifact, photos),
                *("--out", out, "--workers", str(workers)),
            ],
            check=True,
        )
    assert same_parts(tmp_path / "one", tmp_path / "two")
