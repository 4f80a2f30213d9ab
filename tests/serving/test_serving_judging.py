"""From contents to decisions, by a scorer that takes no time."""

import json

import numpy as np
import pytest
from moving_pictures import SAFE, UNSAFE, animation
from served import picture

from edgeconv.classifying import Decision, MovingDecision, Unreadable
from edgeconv.embeddings import as_file
from edgeconv.policy import Policy
from edgeconv.scoring.model import Model
from edgeconv.serving.judging import Judge, Upload
from edgeconv.serving.limits import Limits
from edgeconv.spec import Embedding, OperatingPoint, Preprocessing


class Brightness:
    """Scores by the mean of an input, and notes how many it was given."""

    def __init__(self):
        self.counts = []

    def __call__(self, given):
        self.counts.append(len(given))
        mean = given.reshape(len(given), -1).mean(axis=1, dtype=np.float64)
        bright = (mean / 255 if given.dtype == np.uint8 else mean + 0.5).astype(np.float32)
        return np.stack([1 - bright, bright], axis=1)


def judge_of(how, *, point=None, **limits):
    scorer = Brightness()
    policy = Policy(("dark", "bright"), ("bright",), point)
    model = Model(scorer, policy, how, None, None, ())
    return Judge(model, scorer, Limits(**limits)), scorer


PICTURES = Preprocessing(size=(8, 8))
ROWS = Embedding(length=4)


def test_all_uploads_are_scored_at_once():
    judge, scorer = judge_of(PICTURES)
    given = [Upload("a", picture(1)), Upload("b", b"none"), Upload("c", picture(2))]
    (one,), (two,), (three,) = judge(given)
    assert [type(entry) for entry in (one, two, three)] == [Decision, Unreadable, Decision]
    assert (one.file, two.file, three.file) == ("a", "b", "c")
    assert one.scores != three.scores
    assert scorer.counts == [2]
    assert judge([given[2]]) == [[three]]


def test_the_operating_point_decides():
    given = [Upload("a", picture(1))]
    ((plain,),) = judge_of(PICTURES)[0](given)
    just_there = OperatingPoint(name="strict", threshold=plain.scores["bright"])
    ((flagged,),) = judge_of(PICTURES, point=just_there)[0](given)
    beyond = OperatingPoint(name="lenient", threshold=plain.scores["bright"] + 1e-6)
    ((safe,),) = judge_of(PICTURES, point=beyond)[0](given)
    assert (flagged.unsafe, safe.unsafe) == (True, False)


def test_an_animation_says_where_it_was_cut_off():
    content = animation([(SAFE, 2), (UNSAFE, 4)], frame_seconds=0.25)
    ((whole,),) = judge_of(PICTURES)[0]([Upload("a.gif", content)])
    ((cut,),) = judge_of(PICTURES, seconds=1e-9)[0]([Upload("a.gif", content)])
    assert isinstance(whole, MovingDecision)
    assert (whole.error, whole.frames) == (None, 12)
    assert "was judged for" in cut.error
    assert cut.frames < whole.frames


def test_pixels_are_counted_before_any_is_decoded():
    judge, scorer = judge_of(PICTURES, pixels=1000)
    for form in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        ((entry,),) = judge([Upload("a", picture(form=form))])
        assert "at most 1,000 pixels" in entry.error, form
    assert not scorer.counts


@pytest.mark.parametrize("is_json", [True, False])
def test_rows(is_json):
    rows = np.array([[1, 0, 0, 0], [0, np.nan, 0, 0], [0.6, 0.8, 0, 0]], np.float32)
    content = json.dumps(rows.tolist()).encode() if is_json else as_file(rows)
    judge, scorer = judge_of(ROWS)
    ((one, broken, three),) = judge([Upload("r", content, is_json)])
    assert (one.file, one.scores) == ("r[0]", {"dark": 0.25, "bright": 0.75})
    assert "NaN" in broken.error
    assert three.label == "bright"
    assert scorer.counts == [2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[[1, 0, 0]]", "[0] List should have at least 4"),
        (b"[[1, 0, 0, 0, 0]]", "at most 4"),
        (b'[[1, 0, 0, "0"]]', "[0][3]"),
        (b"[1, 0, 0, 0]", "[0]"),
        (b"{}", "list"),
        (b"[[1,", "EOF"),
        (b"[" * 1000, "recursion"),
        (b"[" + b"[1,0,0,0]," * 4096 + b"[1,0,0,0]]", "at most 4096"),
    ],
)
def test_json_that_is_no_rows(content, said):
    ((entry,),) = judge_of(ROWS)[0]([Upload("r", content, True)])
    assert said in entry.error
    assert "at most 4,096 lists of 4 numbers" in entry.error
