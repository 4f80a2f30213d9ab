"""The policy against the vectors that the device scripts and Swift pass too."""

import json
import math
import sys
from pathlib import Path

import pytest
import resize_vectors

from edgeconv.errors import UnknownName, UsageError
from edgeconv.policy import Policy, Smoother, Smoothing, choose_point, smooth
from edgeconv.spec import OperatingPoint

VECTORS = Path(__file__).parent / "vectors"


def cases(name):
    document = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    assert document["version"] == 1
    return document["cases"]


DECISIONS, SMOOTHINGS = cases("decisions"), cases("smoothing")


def smoothing_of(case):
    return Smoothing(case["n"], case["k"], case["release"], case["fail_closed"])


def judgement_of(case):
    points = [OperatingPoint(**point) for point in case["operating_points"]]
    point = choose_point(points, case["point"])
    policy = Policy(tuple(case["labels"]), tuple(case["unsafe_labels"]), point)
    return vars(policy.judge(case["scores"]))


@pytest.mark.parametrize("case", DECISIONS, ids=lambda case: case["name"])
def test_a_decision(case):
    assert judgement_of(case) == case["expected"]


@pytest.mark.parametrize("case", SMOOTHINGS, ids=lambda case: case["name"])
def test_smoothing(case):
    assert smooth(case["frames"], smoothing_of(case)) == case["expected"]


@pytest.mark.parametrize("vectors", [DECISIONS, SMOOTHINGS], ids=["decisions", "smoothing"])
def test_names_are_unique(vectors):
    assert len({case["name"] for case in vectors}) == len(vectors)


def test_the_vectors_vary():
    assert {case["expected"]["flagged"] for case in DECISIONS} == {True, False}
    assert {state for case in SMOOTHINGS for state in case["expected"]} == {True, False}
    assert {flag for case in SMOOTHINGS for flag in case["frames"]} == {True, False, None}


def caught(decide):
    """The names of the smoothing vectors that a broken policy fails."""
    return [case["name"] for case in SMOOTHINGS if decide(case) != case["expected"]]


def any_frame(case):
    """k ignored."""
    on, states = False, []
    for flagged in case["frames"]:
        on = on or bool(flagged)
        states.append(on)
    return states


def broken(**change):
    return lambda case: smooth(case["frames"], smoothing_of({**case, **change}))


def without_hysteresis(case):
    return smooth(case["frames"], smoothing_of({**case, "release": case["k"] - 1}))


def with_more(**more):
    return lambda case: smooth(
        case["frames"], smoothing_of({**case, **{key: case[key] + more[key] for key in more}})
    )


def nulls_as(value):
    def decide(case):
        return smooth([value if flag is None else flag for flag in case["frames"]],
                      smoothing_of(case))  # fmt: skip

    return decide


def only_a_full_window(case):
    states = smooth(case["frames"], smoothing_of(case))
    return [on and number >= case["n"] for number, on in enumerate(states, 1)]


@pytest.mark.parametrize(
    "decide",
    [
        any_frame,
        without_hysteresis,
        with_more(n=1),
        nulls_as(False),
        nulls_as(True),
        broken(fail_closed=True),
        broken(fail_closed=False),
        only_a_full_window,
    ],
)
def test_a_broken_policy_is_seen(decide):
    assert caught(decide)


@pytest.mark.parametrize("change", [-1, 1])
def test_another_k_is_seen(change):
    def decide(case):
        k = min(max(case["k"] + change, 1), case["n"])
        return smooth(case["frames"], Smoothing(case["n"], k, min(case["release"], k - 1)))

    assert len(caught(decide)) > 3


def test_the_state_can_be_followed_frame_by_frame():
    smoother = Smoother(Smoothing(n=3, k=2, release=0))
    assert [smoother.push(flag) for flag in (True, True, False)] == [False, True, True]
    assert smoother.on


@pytest.mark.parametrize(
    "wrong", [{"k": 0, "release": 0}, {"k": 9}, {"release": 4}, {"release": -1}, {"n": 3}]
)
def test_a_smoothing_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError, match="0 <= release < k <= n"):
        Smoothing(**wrong)


@pytest.mark.parametrize(
    ("frames", "k"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4), (8, 4), (99, 4)]
)
def test_a_short_file_needs_the_same_share(frames, k):
    short = Smoothing().for_length(frames)
    assert (short.n, short.k, short.release) == (min(frames, 8), k, min(1, k - 1))


def test_scores_that_are_no_numbers_are_flagged():
    for broken_score in (math.nan, math.inf, -math.inf):
        for point in (None, OperatingPoint(name="balanced", threshold=0.5)):
            for scores in ({"a": broken_score, "b": 0.1}, {"a": 0.9, "b": broken_score}):
                assert Policy(("a", "b"), ("b",), point).judge(scores).flagged


def test_a_point_that_is_not_there():
    points = [OperatingPoint(name="balanced", threshold=0.5)]
    with pytest.raises(UnknownName, match="did you mean 'balanced'"):
        choose_point(points, "balnced")
    with pytest.raises(UsageError, match="no operating point"):
        choose_point([], "balanced")


def test_resizing_gives_the_vectors():
    import PIL

    stored = json.loads(resize_vectors.PLACE.read_text(encoding="utf-8"))
    fresh = json.loads(json.dumps(resize_vectors.document()))
    if PIL.__version__.startswith("13."):
        assert fresh == stored, "python tests/resize_vectors.py writes it anew"
    for was, now in zip(stored["cases"], fresh["cases"], strict=True):
        assert resize_vectors.furthest(was, now) <= 1, was["name"]


def test_another_resize_is_seen():
    stored = {case["name"]: case for case in cases("resize")}
    one, other = (stored[f"centre crop, odd margin rounded {how}"] for how in ("to even", "down"))
    assert resize_vectors.furthest(one, other) > 1


def test_the_policy_needs_no_numpy():
    import ast

    import edgeconv.policy

    tree = ast.parse(Path(sys.modules[edgeconv.policy.__name__].__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name.startswith("edgeconv")} == {
        "edgeconv.errors", "edgeconv.spec",
    }  # fmt: skip
    assert "numpy" not in imported
