"""Scoring sampled frames: once each, the worst kept, what cannot be judged left out."""

from threading import Event

import pytest
from PIL import Image

from edgeconv.errors import UnreadableImage
from edgeconv.frames.animation import Still
from edgeconv.frames.frame import Frame, Moving
from edgeconv.frames.judging import Looking, judge
from edgeconv.policy import Policy, Smoothing

POLICY = Policy(("safe", "bad"), ("bad",))


class Unconvertible(Still):
    def picture(self):
        raise UnreadableImage("a frame cannot be converted")


def gray(level):
    return Still(Image.new("RGB", (64, 36), (level, level, level)))


def score(picture):
    """The brighter, the worse."""
    bad = picture.getpixel((0, 0))[0] / 255
    return {"safe": 1 - bad, "bad": bad}


def judged(contents, looking=None, break_off=False, length=0.5):
    def frames():
        for number, content in enumerate(contents):
            yield Frame(number * length, (number + 1) * length, content)
        if break_off:
            raise UnreadableImage("it breaks off")

    calls = []

    def counting(picture):
        calls.append(picture)
        return score(picture)

    ticks = []
    verdict = judge(
        Moving(None, frames()), counting, POLICY, looking or Looking(), lambda: ticks.append(1)
    )
    assert len(ticks) == len(verdict.moments)
    return verdict, len(calls)


def test_the_worst_frame_gives_label_and_scores():
    verdict, _ = judged([gray(level) for level in (0, 51, 204, 102, 204)])
    assert verdict.worst.judgement.unsafe_score == pytest.approx(0.8)
    assert verdict.worst.scores["bad"] == pytest.approx(0.8)
    assert verdict.frames == 5
    assert verdict.seconds == 2.5
    assert [moment.flagged for moment in verdict.moments] == [False, False, True, False, True]


def test_a_frame_that_stays_is_scored_once():
    shown = gray(200)
    verdict, calls = judged([shown, shown, shown, gray(0)])
    assert calls == 2
    assert verdict.frames == 4


def test_scenes_are_scored_once():
    contents = [gray(level) for level in [200] * 8 + [10] * 8]
    every, calls = judged(contents, Looking())
    scenes, fewer = judged(contents, Looking(scenes=True))
    assert (calls, fewer) == (16, 2)
    assert scenes.spans == every.spans == ((1.5, 7.0),)


def test_a_gap_is_null_and_not_counted():
    verdict, _ = judged([gray(200), None, Unconvertible(None), gray(200)])
    assert [moment.flagged for moment in verdict.moments] == [True, None, None, True]
    assert verdict.frames == 2


def test_a_break_keeps_the_verdict_up_to_there():
    verdict, _ = judged([gray(200)] * 8, break_off=True)
    assert verdict.spans == ((1.5, 4.0),)
    assert "breaks off" in str(verdict.error)


def test_nothing_to_judge_is_an_error():
    with pytest.raises(UnreadableImage, match="breaks off"):
        judged([None], break_off=True)
    with pytest.raises(UnreadableImage, match="no frame can be decoded"):
        judged([None, None])


def test_the_smoothing_that_is_asked_for():
    contents = [gray(level) for level in (0, 0, 0, 0, 200, 0, 0, 0, 0)]
    assert judged(contents)[0].spans == ()
    any_frame = Looking(smoothing=Smoothing(n=1, k=1, release=0))
    assert judged(contents, any_frame)[0].spans == ((2.0, 2.5),)


def judged_by(score, frames):
    return judge(Moving(None, frames), score, POLICY, Looking(), lambda: None)


def test_the_next_frame_is_decoded_while_one_is_scored():
    decoded = Event()

    def frames():
        yield Frame(0, 0.5, gray(0))
        yield Frame(0.5, 1, gray(100))  # now it is known that the first one is judged
        decoded.set()

    def waiting(picture):
        assert decoded.wait(timeout=5), "nothing is decoded meanwhile"
        return score(picture)

    assert judged_by(waiting, frames()).frames == 2


def test_decoding_waits_for_scoring():
    """Memory: however slow the model is, frames do not pile up before it."""
    scored = 0

    def frames():
        for number in range(50):
            assert number - scored <= 3
            yield Frame(number / 2, (number + 1) / 2, gray(number))

    def counting(picture):
        nonlocal scored
        Event().wait(0.002)
        scored += 1
        return score(picture)

    assert judged_by(counting, frames()).frames == 50


@pytest.mark.parametrize("at", [3, 9])
def test_what_scoring_raises_is_raised(at):
    calls = []

    def failing(picture):
        calls.append(picture)
        if len(calls) == at + 1:
            raise RuntimeError("the model broke")
        return score(picture)

    with pytest.raises(RuntimeError, match="the model broke"):
        judged_by(failing, (Frame(t / 2, t / 2 + 0.5, gray(t)) for t in range(10)))
    assert len(calls) == at + 1
