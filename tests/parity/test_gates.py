"""The judge on scores made by hand; whole files are sabotaged in test_sabotage.py."""

import numpy as np
import pytest

from edgeconv.contract import Contract, InputTensor, OutputTensor, Precision, Source
from edgeconv.parity.gates import Judge, align
from edgeconv.parity.results import NoiseFloor, Verdict

LABELS = ("Neutral", "Porn", "Sexy")
IMAGES = 320


def contract(precision="fp32", activations="float32"):
    return Contract(
        model="m",
        summary="s",
        labels=LABELS,
        unsafe_labels=LABELS[1:],
        input=InputTensor(
            size=(8, 8), name="image", shape=(1, 8, 8, 3), dtype="float32", layout="NHWC"
        ),
        output=OutputTensor(name="scores", kind="softmax", dtype="float32"),
        precision=Precision(
            asked=precision,
            weight_type="float32",
            activation_type=activations,
            weights={"float32": 1.0},
            float_ops=1.0,
        ),
        source=Source(checkpoint_sha256="0" * 64, checkpoint_format="keras"),
        made_with={},
    )


@pytest.fixture
def reference():
    return np.random.RandomState(0).dirichlet([0.3] * 3, IMAGES).astype(np.float32)


def judge(
    reference,
    candidate,
    precision="fp32",
    images=IMAGES,
    floor=1e-6,
    rate=0.01,
    half=1e-3,
    activations="float32",
):
    noise = NoiseFloor(float32=floor, float16_weights=half, variants={})
    names = [f"{number}.png" for number in range(images)]
    said = contract(precision, activations)
    return Judge(said, LABELS, names, noise, rate).judge(reference, candidate)


def test_the_same_scores_pass(reference):
    found = judge(reference, reference)
    assert found.verdict is Verdict.PASS
    assert found.flips.count == 0
    assert found.flips.bound_95 < 0.01


def test_a_difference_beyond_the_noise_fails(reference):
    moved = reference + np.float32(1e-4) * np.array([1, -1, 0], np.float32)
    found = judge(reference, moved)
    assert found.verdict is Verdict.FAIL
    assert "times the noise floor" in found.findings[0]
    assert judge(reference, moved, floor=1e-5).verdict is Verdict.PASS


def test_scores_that_are_rounded_to_float16_pass_where_the_file_computes_in_it(reference):
    rounded = reference.astype(np.float16).astype(np.float32)
    assert 1e-4 < np.abs(rounded - reference).max() < 3e-4
    found = judge(reference, rounded, precision="fp16", half=0.0, activations="float16")
    assert found.verdict is Verdict.PASS
    assert judge(reference, rounded, precision="fp16", half=0.0).verdict is Verdict.FAIL
    moved = reference + np.float32(2e-3) * np.array([1, -1, 0], np.float32)
    found = judge(reference, moved, precision="fp16", half=0.0, activations="float16")
    assert found.verdict is Verdict.FAIL


def test_integer_files_are_judged_by_decisions_alone(reference):
    moved = reference + np.float32(1e-4) * np.array([1, -1, 0], np.float32)
    assert judge(reference, moved, precision="int8").verdict is Verdict.PASS


def test_flips_fail_and_the_worst_picture_is_named(reference):
    flipped = reference.copy()
    flipped[7] = np.roll(flipped[7], 1)
    flipped[:4] = np.roll(flipped[:4], 1, axis=1)
    found = judge(reference, flipped, precision="int8")
    assert found.verdict is Verdict.FAIL
    assert found.flips.count == 5
    assert {worst.name for worst in found.worst[:5]} == {f"{n}.png" for n in (0, 1, 2, 3, 7)}


def test_few_flips_that_may_be_many_are_inconclusive(reference):
    flipped = reference.copy()
    flipped[:2] = np.roll(flipped[:2], 1, axis=1)
    found = judge(reference, flipped, precision="int8")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "more pictures would tell" in found.findings[0]


def test_too_few_pictures_are_inconclusive(reference):
    found = judge(reference[:50], reference[:50], images=50)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("bound the flip rate" in finding for finding in found.findings)


def test_a_reference_that_does_not_vary_is_inconclusive(reference):
    flat = np.tile(np.array([0.4, 0.3, 0.3], np.float32), (IMAGES, 1))
    flat += np.random.RandomState(1).rand(IMAGES, 1).astype(np.float32) * 1e-3
    assert judge(flat / flat.sum(1, keepdims=True), flat / flat.sum(1, keepdims=True)).verdict is (
        Verdict.INCONCLUSIVE
    )


def test_a_reference_with_one_label_is_inconclusive(reference):
    sure = np.sort(reference, axis=1)[:, ::-1]
    found = judge(sure, sure)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "same label" in found.findings[0]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda s: np.full_like(s, np.nan), "not finite"),
        (lambda s: s * 2, "outside 0..1"),
        (lambda s: s * np.float32(0.5), "sum to one"),
        (lambda s: np.tile(s[:1], (len(s), 1)), "the same for every picture"),
    ],
)
def test_no_broken_model_passes(reference, broken, said):
    found = judge(reference, broken(reference), precision="int8", rate=1.0)
    assert found.verdict is Verdict.FAIL
    assert any(said in finding for finding in found.findings)


def test_scores_are_compared_label_by_label(reference):
    swapped = ("Porn", "Neutral", "Sexy")
    assert np.array_equal(align(reference[:, [1, 0, 2]], swapped, LABELS), reference)
    assert judge(reference, align(reference, swapped, LABELS)).verdict is Verdict.FAIL


def test_a_label_that_is_not_there_fails(reference):
    other = align(reference, ("Neutral", "Porn", "sexy"), LABELS)
    assert judge(reference, other, rate=1.0).verdict is Verdict.FAIL
