"""predict.py decides as ``edgeconv classify`` does, and says what it cannot judge."""

import json

import pytest

from edgeconv.artifact import open_artifact
from edgeconv.images import load_pixels
from edgeconv.parity.reference_set import generated_set
from edgeconv.runtimes import as_contracted, open_runtime


@pytest.fixture(params=["pi", "jetson"])
def bundled(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for picture in generated_set().pictures[::40]:
        (folder / picture.name).write_bytes(picture.read())
    return sorted(folder.iterdir())


def test_scores_are_those_of_edgeconv(bundled, pictures, device):
    answer = device(bundled / "predict.py", "--json", *pictures)
    assert answer.returncode == 0, answer.stderr
    verdicts = [json.loads(line) for line in answer.stdout.splitlines()]
    model = bundled / json.loads((bundled / "bundle.json").read_text())["model"]
    artifact, runtime = open_artifact(model), open_runtime(model)
    taken = artifact.contract.input
    for path, verdict in zip(pictures, verdicts, strict=True):
        pixels = load_pixels(path, taken.preprocessing)
        scores = runtime.run(as_contracted(pixels, taken))
        expected = dict(zip(runtime.labels, map(float, scores), strict=True))
        assert verdict["scores"] == pytest.approx(expected, abs=1e-6)
        assert verdict["label"] == max(expected, key=expected.__getitem__)
        assert verdict["flagged"] == (verdict["label"] in artifact.contract.unsafe_labels)
    assert len({verdict["label"] for verdict in verdicts}) > 1


def test_a_line_a_picture(jetson, pictures, device):
    answer = device(jetson / "predict.py", *pictures)
    assert answer.returncode == 0
    lines = answer.stdout.splitlines()
    assert len(lines) == len(pictures)
    assert any("  FLAGGED  " in line for line in lines)
    assert any("  ok  " in line for line in lines)


def test_operating_points_decide(jetson, copy_of, pictures, device):
    copy = copy_of(jetson)
    contract = json.loads((copy / "contract.json").read_text())
    contract["operating_points"] = [
        {"name": "never", "threshold": 1.0},
        {"name": "always", "threshold": 0.0},
    ]
    (copy / "contract.json").write_text(json.dumps(contract))

    def flags(*options):
        answer = device(copy / "predict.py", "--json", *options, *pictures)
        return {json.loads(line)["flagged"] for line in answer.stdout.splitlines()}

    assert flags("--point", "always") == {True}
    assert flags("--point", "never") == flags() == {False}
    unknown = device(copy / "predict.py", "--point", "lax", *pictures)
    assert unknown.returncode == 2
    assert "no operating point 'lax'; there is: never, always" in unknown.stderr


def test_what_a_later_contract_says_besides_is_passed_over(bundled, copy_of, pictures, device):
    def flags(folder):
        answer = device(folder / "predict.py", "--json", *pictures)
        assert answer.returncode == 0, answer.stderr
        return [json.loads(line)["flagged"] for line in answer.stdout.splitlines()]

    copy = copy_of(bundled)
    path = copy / "contract.json"
    contract = json.loads(path.read_text())
    contract["operating_points"] = [{"name": "strict", "threshold": 0.7}]
    path.write_text(json.dumps(contract))
    known = flags(copy)
    strange = {"by_label": {"Rings": [0.9, None]}, "curve": [[0, 1], {}]}
    for part in (contract, contract["operating_points"][0], contract["input"], contract["output"]):
        part.update(strange)
    contract["operating_points"][0]["recall"] = {"low": 0.9, "high": 0.99}
    path.write_text(json.dumps(contract))
    assert flags(copy) == known
    assert len(set(known)) == 2


def test_what_cannot_be_judged_is_said_and_the_rest_is_judged(jetson, pictures, tmp_path, device):
    torn, missing = tmp_path / "torn.png", tmp_path / "missing.png"
    torn.write_bytes(pictures[0].read_bytes()[:300])
    answer = device(jetson / "predict.py", "--json", torn, missing, pictures[0])
    assert answer.returncode == 2
    first, second, third = map(json.loads, answer.stdout.splitlines())
    assert "cannot decode" in first["error"]
    assert "missing.png" in second["error"]
    assert third["label"]
    assert "Traceback" not in answer.stderr


def test_bench_answers_in_json(bundled, device):
    answer = device(bundled / "bench.py", "--runs", "3", "--threads", "1")
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert {"median_ms", "p95_ms", "load_ms", "first_verdict_ms", "peak_memory_mb"} <= set(report)
    assert report["runs"] == 3
