"""The self-test of a bundle passes where all is well, and fails for every file that is not."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image


def report_of(answer):
    return json.loads(answer.stdout)


@pytest.fixture(params=["pi", "jetson"])
def bundled(request):
    return request.getfixturevalue(request.param)


def test_it_passes_as_bundled(bundled, device):
    answer = device(bundled / "selftest.py", "--json")
    assert answer.returncode == 0, answer.stdout
    report = report_of(answer)
    assert report["verdict"] == "PASS"
    assert report["pictures"] == 8
    assert report["largest_difference"] <= report["tolerance"]


def test_it_says_so_to_people(jetson, device):
    answer = device(jetson / "selftest.py")
    assert answer.stdout.startswith("PASS  8 golden pictures in ONNX Runtime")


def change_a_weight(bundle):
    model = bundle / json.loads((bundle / "bundle.json").read_text())["model"]
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 0x40
    model.write_bytes(content)
    return model.name


def change_the_contract(bundle):
    contract = bundle / "contract.json"
    contract.write_text(contract.read_text().replace('"labels": [', '"labels": ["Other",', 1))
    return "contract.json"


def swap_labels(bundle):
    path = bundle / "contract.json"
    contract = json.loads(path.read_text())
    contract["labels"] = contract["labels"][::-1]
    path.write_text(json.dumps(contract))
    (bundle / "labels.txt").write_text("".join(f"{label}\n" for label in contract["labels"]))
    return "contract.json"


def change_the_labels(bundle):
    labels = (bundle / "labels.txt").read_text().splitlines()
    (bundle / "labels.txt").write_text("".join(f"{label}\n" for label in labels[::-1]))
    return "labels.txt"


def change_a_golden_pixel(bundle):
    path = bundle / "golden" / "scene-0000.png"
    pixels = np.array(Image.open(path))
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(path)
    return "golden/scene-0000.png"


def swap_golden_pictures(bundle):
    one, other = (bundle / "golden" / f"pattern-00{number}.png" for number in ("03", "64"))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    return "golden/pattern-0003.png"


def lose_a_golden_picture(bundle):
    (bundle / "golden" / "scene-0009.png").unlink()
    return "golden/scene-0009.png"


CHANGES = [
    change_a_weight,
    change_the_contract,
    change_the_labels,
    swap_labels,
    change_a_golden_pixel,
    swap_golden_pictures,
    lose_a_golden_picture,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_it_names_the_file_that_was_changed(change, bundled, copy_of, device):
    changed = copy_of(bundled)
    name = change(changed)
    answer = device(changed / "selftest.py", "--json")
    assert answer.returncode == 1, answer.stdout
    assert report_of(answer)["verdict"] == "FAIL"
    assert any(problem.startswith(name) for problem in report_of(answer)["problems"])


@pytest.mark.parametrize(
    "change",
    [change_the_contract, change_the_labels, swap_labels, change_a_golden_pixel,
     swap_golden_pictures],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_it_is_not_fooled_by_hashes_made_anew(change, bundled, copy_of, device):
    changed = copy_of(bundled)
    change(changed)
    forge_hashes(changed)
    answer = device(changed / "selftest.py", "--json")
    assert answer.returncode != 0, answer.stdout
    assert report_of(answer)["verdict"] != "PASS"


def test_other_weights_score_otherwise(pi, copy_of, device):
    """Without the hashes, the golden scores alone tell that the model is another one."""
    changed = copy_of(pi)
    (model,) = changed.glob("*.tflite")
    content = bytearray(model.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    model.write_bytes(content)
    forge_hashes(changed)
    answer = device(changed / "selftest.py", "--json")
    assert answer.returncode == 1, answer.stdout
    assert any("scored" in problem for problem in report_of(answer)["problems"])


def forge_hashes(bundle):
    mark = bundle / "bundle.json"
    says = json.loads(mark.read_text())
    for name in says["sha256"]:
        says["sha256"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    mark.write_text(json.dumps(says))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bundle.json", "{"),
        ("bundle.json", "{}"),
        ("contract.json", "[]"),
        ("contract.json", b"\xff\xfe"),
    ],
)
def test_a_damaged_page_is_named(name, content, bundled, copy_of, device):
    changed = copy_of(bundled)
    (changed / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    answer = device(changed / "selftest.py", "--json")
    assert answer.returncode == 2
    (problem,) = report_of(answer)["problems"]
    assert f"{name} is damaged" in problem
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "says",
    [{"tolerance": 1e5}, {"tolerance": None}, {"sha256": {}}, {"sha256": []}, {"model": 1}],
    ids=str,
)
def test_a_mark_that_nothing_could_fail_by_is_damaged(says, jetson, copy_of, device):
    changed = copy_of(jetson)
    mark = changed / "bundle.json"
    mark.write_text(json.dumps(json.loads(mark.read_text()) | says))
    answer = device(changed / "selftest.py", "--json")
    assert answer.returncode == 2
    assert "bundle.json is damaged" in report_of(answer)["problems"][0]
    assert "Traceback" not in answer.stderr


def test_a_contract_of_another_shape_is_not_read_on(jetson, copy_of, device):
    changed = copy_of(jetson)
    contract = changed / "contract.json"
    contract.write_text(json.dumps(json.loads(contract.read_text()) | {"labels": 3}))
    answer = device(changed / "selftest.py", "--json")
    assert answer.returncode == 1
    assert report_of(answer)["problems"] == ["contract.json is not the file that was bundled"]


def test_a_model_that_does_not_load_is_an_error(bundled, copy_of, device):
    changed = copy_of(bundled)
    model = json.loads((changed / "bundle.json").read_text())["model"]
    (changed / model).write_bytes(b"no model")
    forge_hashes(changed)
    answer = device(changed / "selftest.py", "--json")
    assert answer.returncode == 2
    assert "does not load" in report_of(answer)["problems"][0]
    assert "Traceback" not in answer.stderr
