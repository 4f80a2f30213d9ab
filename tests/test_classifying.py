"""Pictures, animations and videos through the demo: what each entry says."""

import json

import pytest
from moving_pictures import SAFE, UNSAFE, animation, clip, drawing, written
from PIL import Image

from edgeconv.classifying import Decision, MovingDecision, Unreadable, classify, open_scorer
from edgeconv.contract import OperatingPoint
from edgeconv.errors import UnknownName, UsageError
from edgeconv.frames.judging import Looking
from edgeconv.images import load_pixels
from edgeconv.policy import Smoothing
from edgeconv.progress import Silent

TURNS = [(SAFE, 4), (UNSAFE, 4), (SAFE, 4)]
"""Safe, unsafe from 4 s to 8 s, safe again."""

ON = (5.5, 11.0)
"""Flagged with the fourth unsafe frame at two a second, until one of eight is left."""

ENTRY = {"file", "label", "unsafe", "scores", "frames", "seconds", "spans", "timeline"}


@pytest.fixture(scope="module")
def scorer(demo_artifact):
    return open_scorer(demo_artifact)


@pytest.fixture(scope="module")
def turning():
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'edgeconv[video]'")
    return clip(TURNS)


@pytest.fixture
def pictures(tmp_path):
    for label in (SAFE, UNSAFE):
        Image.fromarray(drawing(label)).save(tmp_path / f"{label}.png")
    return tmp_path


def one(scorer, *arguments, **options):
    (entry,) = classify(scorer, *arguments, **options)
    return entry


def assert_turned(entry):
    assert entry.unsafe
    assert entry.spans == (ON,)
    assert entry.label == UNSAFE
    assert entry.scores[UNSAFE] == max(entry.scores.values()) > 0.8
    assert entry.seconds == pytest.approx(12, abs=0.11)
    assert entry.frames == len(entry.timeline) == 24
    flagged = [moment.t for moment in entry.timeline if moment.flagged]
    assert flagged == [4 + step / 2 for step in range(8)]


def test_a_video_that_turns_unsafe_and_back(scorer, turning, tmp_path):
    entry = one(scorer, [written(tmp_path / "turn.mp4", turning)])
    assert_turned(entry)
    assert entry.error is None
    document = json.loads(json.dumps(entry.as_dict()))
    assert set(document) == ENTRY
    assert document["spans"] == [list(ON)]
    assert set(document["timeline"][0]) == {"t", "unsafe_score", "flagged", "on"}


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_an_animation_too(scorer, tmp_path, file_format):
    content = animation(TURNS, file_format, frame_seconds=0.25)
    assert_turned(one(scorer, [written(tmp_path / "turn", content)]))


def test_a_video_by_scenes(scorer, turning, tmp_path):
    class Counting:
        def __init__(self):
            self.calls = 0

        def __getattr__(self, name):
            return getattr(scorer, name)

        def score(self, given):
            self.calls += 1
            return scorer.score(given)

    every, scenes = Counting(), Counting()
    video = written(tmp_path / "turn.mp4", turning)
    assert_turned(one(every, [video]))
    assert_turned(one(scenes, [video], looking=Looking(scenes=True)))
    assert scenes.calls <= every.calls / 4


def test_a_video_on_stdin(scorer, turning):
    entry = one(scorer, ["-"], stdin=turning)
    assert entry.file == "-"
    assert_turned(entry)


def test_one_bad_frame_does_not_make_a_video_unsafe(scorer, tmp_path):
    pytest.importorskip("av")
    video = written(tmp_path / "x.mp4", clip([(SAFE, 3), (UNSAFE, 0.5), (SAFE, 3)]))
    entry = one(scorer, [video])
    assert [moment.flagged for moment in entry.timeline].count(True) == 1
    assert entry.label == UNSAFE
    assert not entry.unsafe
    any_frame = Looking(smoothing=Smoothing(n=1, k=1, release=0))
    assert one(scorer, [video], looking=any_frame).unsafe


def test_more_frames_a_second(scorer, turning, tmp_path):
    video = written(tmp_path / "turn.mp4", turning)
    entry = one(scorer, [video], looking=Looking(interval=0.2))
    assert entry.frames == 60
    assert entry.spans[0][0] == pytest.approx(4.6)


def test_a_video_that_is_cut_off(scorer, tmp_path):
    pytest.importorskip("av")
    whole = clip([(UNSAFE, 4), (SAFE, 4)], "webm", "libvpx-vp9")
    video = written(tmp_path / "torn.webm", whole[: len(whole) * 2 // 3])
    entry = one(scorer, [video])
    assert entry.unsafe
    assert entry.spans[0][0] == 1.5
    assert 2 < entry.seconds < 7.4
    assert "breaks off" in entry.error
    assert set(entry.as_dict()) == {*ENTRY, "error"}


def test_a_folder_of_all_kinds_in_name_order(scorer, turning, pictures):
    written(pictures / "a.mp4", turning)
    written(pictures / "b.gif", animation([(UNSAFE, 1)]))
    written(pictures / "broken.mp4", b"\0\0\0\x18ftypisom" + bytes(100))
    found = list(classify(scorer, [pictures]))
    assert [entry.file.rpartition("/")[2] for entry in found] == sorted(
        [f"{SAFE}.png", f"{UNSAFE}.png", "a.mp4", "b.gif", "broken.mp4"]
    )
    assert [type(entry) for entry in found] == [
        Decision, Decision, MovingDecision, MovingDecision, Unreadable,
    ]  # fmt: skip


def test_a_still_is_judged_as_ever(scorer, pictures):
    for label, unsafe in ((SAFE, False), (UNSAFE, True)):
        entry = one(scorer, [pictures / f"{label}.png"])
        scores = scorer.score(load_pixels(pictures / f"{label}.png", scorer.preprocessing))
        assert list(entry.scores.values()) == scores.tolist()
        assert (entry.label, entry.unsafe) == (label, unsafe)
        assert set(entry.as_dict()) == {"file", "label", "unsafe", "scores"}


def test_without_pyav_the_pictures_are_classified_still(scorer, pictures, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    written(pictures / "z.mp4", b"\0\0\0\x18ftypisom" + bytes(100))
    *stills, video = classify(scorer, [pictures])
    assert len(stills) == 2
    assert "edgeconv[video]" in video.error


class Pointed:
    """A scorer with operating points."""

    def __init__(self, scorer, **points):
        self._scorer = scorer
        self.points = tuple(
            OperatingPoint(name=name, threshold=threshold) for name, threshold in points.items()
        )

    def __getattr__(self, name):
        return getattr(self._scorer, name)


def test_the_operating_point_decides(scorer, pictures):
    pointed = Pointed(scorer, strict=0.0, balanced=1.0)
    answers = {
        point: [entry.unsafe for entry in classify(pointed, [pictures], point=point)]
        for point in (None, "strict")
    }
    assert answers == {None: [False, False], "strict": [True, True]}
    with pytest.raises(UnknownName, match="strict, balanced"):
        classify(pointed, [pictures], point="stric")
    with pytest.raises(UsageError, match="no operating point"):
        classify(scorer, [pictures], point="strict")


def test_a_long_video_says_how_far_it_is(scorer, turning, pictures):
    written(pictures / "a.mp4", turning)

    class Told(Silent):
        steps = []

        def step(self, text, total=None):
            self.steps.append([text.rpartition("/")[2], total, 0])

        def advance(self):
            self.steps[-1][2] += 1

    list(classify(scorer, [pictures / "a.mp4", pictures / f"{SAFE}.png"], progress=Told()))
    assert Told.steps == [["classifying", 2, 0], ["a.mp4", 24, 24], ["classifying", 2, 2]]
