"""Evaluating the trained demo: its file and its original, what is kept and what is refused."""

import io
import json
import re
import shutil
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from edgeconv.artifact import open_artifact
from edgeconv.classifier import load_classifier
from edgeconv.classifying import classify, open_scorer
from edgeconv.cli.app import app
from edgeconv.errors import UnknownName, UsageError
from edgeconv.evaluating import evaluate, target_fpr
from edgeconv.exporting import export
from edgeconv.files import sha256_of
from edgeconv.generated import examples
from edgeconv.images import load_pixels
from edgeconv.manifest import read_manifest
from edgeconv.runtimes import as_contracted, open_runtime
from edgeconv.spec import load_spec, models_dir

WEIGHTS = models_dir() / "demo.safetensors"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Held-out pictures, from clear to hard, 16 a label; and one that cannot be read."""
    folder = tmp_path_factory.mktemp("labelled")
    for number, example in enumerate(examples(16, seed=99)):
        place = folder / "test" / example.label / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(example.draw((224, 224))).save(place)
    (folder / "test" / "Rings" / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def found(demo_artifact, pictures):
    return evaluate(demo_artifact, pictures)


@pytest.fixture
def copied(demo_artifact, tmp_path):
    """The whole folder of an export, to be changed."""
    shutil.copytree(demo_artifact.parent, tmp_path / "out")
    return tmp_path / "out" / demo_artifact.name


def truth_and_scores(model, pictures):
    """By another way than the one under test."""
    how = model.spec.input.preprocessing
    files = sorted(p for p in (pictures / "test").rglob("*.png") if p.stem != "broken")
    truth = np.array([model.spec.labels.index(file.parent.name) for file in files])
    return truth, model.scores(np.stack([load_pixels(file, how) for file in files]))


def test_the_exported_file_is_what_is_run(found, demo, pictures):
    metrics = pytest.importorskip("sklearn.metrics", reason="the oracle of these metrics")
    truth, scores = truth_and_scores(demo, pictures)
    decided, unsafe = scores.argmax(axis=1), scores[:, 1:].sum(axis=1, dtype=np.float64)
    assert (found.model, found.pictures) == ("Demo.fp32.onnx", 48)
    assert "ONNX Runtime" in found.runtime
    assert found.accuracy.value == metrics.accuracy_score(truth, decided)
    assert 0.7 < found.accuracy.value < 1, "a witness that errs"
    assert np.array_equal(found.confusion, metrics.confusion_matrix(truth, decided))
    assert found.unsafe.roc_auc == pytest.approx(metrics.roc_auc_score(truth > 0, unsafe))
    assert found.calibration.nll == pytest.approx(metrics.log_loss(truth, scores), rel=1e-4)
    assert list(found.unreadable) == ["Rings/broken.png"]
    assert len(found.mistakes) == (truth != decided).sum()
    assert all(one.name.startswith(f"{one.truth}/") for one in found.mistakes)


def test_shards_are_judged_and_shown_as_folders_are(found, demo_artifact, pictures, tmp_path):
    """Their pictures lie in the middle of a file, and are read and shown from there."""
    with tarfile.open(tmp_path / "test.tar", "w") as shard:
        for file in sorted((pictures / "test").rglob("*.png")):
            key = f"{file.parent.name}-{file.stem}"
            shard.add(file, f"{key}.png")
            label = {"Dots": "spots"}.get(file.parent.name, file.parent.name).encode()
            member = tarfile.TarInfo(f"{key}.cls")
            member.size = len(label)
            shard.addfile(member, io.BytesIO(label))
    page = tmp_path / "report.html"
    options = ["--data", tmp_path, "--map", "spots=Dots", "--html", page, "--json"]
    done = CliRunner().invoke(app, ["evaluate", str(demo_artifact), *map(str, options)])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["confusion"] == [list(row) for row in found.confusion]
    assert list(document["unreadable"]) == ["test.tar:Rings-broken"]
    assert page.read_text().count("data:image/png") >= len(found.mistakes)
    swapped = evaluate(demo_artifact, tmp_path, mapping={"spots": "Rings", "Rings": "Dots"})
    assert swapped.accuracy.value < found.accuracy.value / 2


@pytest.mark.slow
def test_model_and_file_agree_and_a_spoilt_one_does_not(found, demo_artifact, pictures, tmp_path):
    same = evaluate("demo", pictures, against=demo_artifact)
    assert same.confusion == found.confusion
    assert same.comparison.p_value == 1
    assert same.comparison.negative_flips == same.comparison.positive_flips == 0

    toml = (models_dir() / "demo.toml").read_text()
    spoilt = tmp_path / "spoilt.toml"
    spoilt.write_text(toml.replace('scale = "1/255"', 'scale = "1/600"'))
    worse = evaluate(spoilt, pictures, weights=WEIGHTS, against=demo_artifact)
    assert worse.accuracy.value < found.accuracy.value
    assert worse.comparison.negative_flips > 5
    assert worse.comparison.p_value < 0.05


def test_saved_points_are_in_the_file_and_decide(copied, pictures):
    before = open_artifact(copied).contract
    runtime = open_runtime(copied)
    some = as_contracted(np.full((224, 224, 3), 99, np.uint8), before.input)
    scores = runtime.run(some)
    found = evaluate(copied, pictures, presets=True, points=[target_fpr("10%")], save=True)

    after = open_artifact(copied).contract
    assert [point.name for point in after.operating_points] == [
        "strict", "balanced", "lenient", "fpr-10%",
    ]  # fmt: skip
    assert after.operating_points == tuple(one.point for one in found.points)
    assert after.model_copy(update={"operating_points": ()}) == before
    assert open_runtime(copied).run(some).tobytes() == scores.tobytes()
    assert json.loads(copied.with_name(copied.name + ".json").read_text()) == after.as_dict()
    (entry,) = read_manifest(copied.parent).artifacts
    assert (entry.sha256, entry.bytes) == (sha256_of(copied), copied.stat().st_size)

    flagged = {
        name: sum(
            one.unsafe for one in classify(open_scorer(copied), [pictures], point=name)
            if hasattr(one, "label")
        )
        for name in ("strict", "lenient", None)
    }  # fmt: skip
    counted = {one.point.name: one.flagged for one in found.points}
    assert flagged == {
        "strict": counted["strict"], "lenient": counted["lenient"], None: counted["balanced"],
    }  # fmt: skip

    again = evaluate(copied, pictures, points=[target_fpr("20%")], save=True)
    names = [point.name for point in open_artifact(copied).contract.operating_points]
    assert names == ["fpr-20%", "strict", "balanced", "lenient", "fpr-10%"]
    assert not any(one.chosen for one in evaluate(copied, pictures).points)
    assert again.points[0].chosen


@pytest.mark.slow
def test_a_fitted_temperature_is_in_the_spec_and_in_the_scores(pictures, tmp_path):
    page = tmp_path / "calibrated.toml"
    found = evaluate("demo", pictures, fit_temperature=True, presets=True, toml=page)
    fit = found.temperature
    assert fit.after.nll < fit.before.nll
    spec = load_spec(page)
    assert spec.output.temperature == fit.temperature == fit.total != 1
    assert [point.name for point in spec.operating_points] == ["strict", "balanced", "lenient"]

    again = evaluate(page, pictures, weights=WEIGHTS)
    assert again.calibration.nll == pytest.approx(fit.after.nll, rel=1e-5)
    assert again.confusion == found.confusion
    assert [one.flagged for one in again.points] == [one.flagged for one in found.points]


@pytest.mark.slow
def test_a_second_fit_finds_nothing_to_do(pictures, tmp_path):
    page = tmp_path / "calibrated.toml"
    fit = evaluate("demo", pictures, fit_temperature=True, toml=page).temperature
    again = evaluate(page, pictures, weights=WEIGHTS, fit_temperature=True).temperature
    assert again.temperature == pytest.approx(1, abs=1e-3)
    assert again.total == pytest.approx(fit.temperature, rel=1e-3)


@pytest.mark.slow
def test_a_quantised_file_gets_thresholds_of_its_own(demo, pictures, tmp_path, monkeypatch):
    """Export refits them, on pictures that parity does not judge on, and parity minds both."""
    # Weights that are rounded with care leave little to refit: those of a flatter network do not.
    flatter = load_classifier("demo").network.with_temperature(3.0).freeze(demo.spec)
    monkeypatch.setattr("edgeconv.quantising.quantisable", lambda *_: flatter)
    found = evaluate("demo", pictures, presets=True)
    points = tuple(one.point for one in found.points)
    spec = demo.spec.model_copy(update={"operating_points": points})
    run = export(
        replace(demo, spec=spec), targets=["onnx"], precisions=["fp32", "int8"], out=tmp_path
    )
    exact, rounded = (
        open_artifact(tmp_path / f"Demo.{name}.onnx").contract.operating_points
        for name in ("fp32", "int8")
    )
    assert exact == points
    moved = [point for point in rounded if point.refitted_on]
    assert moved
    assert {point.refitted_on for point in moved} == {"64 pictures: generated pictures"}
    for gate in run["Demo.int8.onnx"].gates.values():
        assert [one.reference_threshold for one in gate.points] == [p.threshold for p in points]
        assert [one.threshold for one in gate.points] == [p.threshold for p in rounded]
    assert all(one.count == 0 for one in run["Demo.fp32.onnx"].gates["file"].points)


def test_rows_of_a_real_head(shared, tmp_path):
    zips = sorted((shared / "checkpoints" / "laion").glob("*b32*.zip"))
    golden = np.load(shared / "golden" / "laion_clip_b32.npz")
    rows, scores = golden["embeddings_float32"][:200], golden["scores_float32"][:200].ravel()
    np.save(tmp_path / "safe.npy", rows[scores < 0.5])
    (tmp_path / "nsfw").mkdir()
    for number, row in enumerate(rows[scores >= 0.5]):
        np.save(tmp_path / "nsfw" / f"{number}.npy", row)
    found = evaluate("laion-clip-b32-head", tmp_path, weights=zips[0])
    assert (found.noun, found.pictures) == ("embedding", 200)
    assert found.accuracy.value == 1
    assert found.unsafe.roc_auc == 1


def test_the_report_stands_alone(demo_artifact, pictures, tmp_path):
    page = tmp_path / "report.html"
    found = evaluate(demo_artifact, pictures, presets=True, against=demo_artifact, html=page)
    text = page.read_text()
    assert text.count("<svg") == 9  # ROC and PR of unsafe and three labels, reliability
    assert text.count("data:image/png") >= len(found.mistakes)
    assert "broken.png" in text
    # On a narrow page there are no columns: each number says what it is.
    cells = re.findall(r"<td[^>]*>", text.partition('id="confusion"')[0])
    assert len(cells) == 3 * 3 + 3 * 7
    assert all("data-name=" in one for one in cells)
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"save": True}, "no operating points to save"),
        ({"toml": "mine.toml", "presets": True}, "the page of a model"),
        ({"against": "falconsai-yolov9.onnx"}, "falconsai"),
    ],
)
def test_what_cannot_be_is_said_before_any_picture(demo_artifact, tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        evaluate(demo_artifact, tmp_path / "nowhere", **options)


def test_labels_that_do_not_fit(demo_artifact, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "data")
    rings = tmp_path / "data" / "test" / "Rings"
    for file in rings.iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(UsageError, match="nothing of Rings"):
        evaluate(demo_artifact, tmp_path / "data")
    rings.rename(rings.with_name("Ring"))
    with pytest.raises(UnknownName, match="did you mean 'Rings'"):
        evaluate(demo_artifact, tmp_path / "data")


def test_the_command(demo_artifact, pictures, monkeypatch):
    def run(*arguments):
        return CliRunner().invoke(app, ["evaluate", str(demo_artifact), *map(str, arguments)])

    done = run("--data", pictures, "--target-recall", "90%", "--max-f1", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["pictures"] == 48
    assert [one["point"]["name"] for one in document["points"]] == ["recall-90%", "max-f1"]
    shown = run("--data", pictures, "--presets", "--against", demo_artifact)
    for word in ("are right", "taken for", "strict", "calibration error", "McNemar", "broken.png"):
        assert word in shown.stdout
    assert isinstance(run("--data", pictures, "--target-fpr", "x").exception, UsageError)
