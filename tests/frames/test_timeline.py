"""From judged frames to spans."""

import pytest

from edgeconv.frames.timeline import spans, timeline
from edgeconv.policy import Judgement, Smoothing


def judged(flags, interval=0.5):
    """``x`` flagged, ``.`` not, ``?`` not judged."""
    meaning = {"x": Judgement("Porn", 0.9, True, None), ".": Judgement("Neutral", 0.1, False, None)}
    return [(number * interval, meaning.get(flag)) for number, flag in enumerate(flags)]


def spans_of(flags, smoothing=None):
    moments = timeline(judged(flags), smoothing or Smoothing())
    return spans(moments, len(flags) * 0.5)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("................", []),
        ("....xxxxxxxx................", [(3.5, 9.0)]),
        ("xxxxxxxxxxxxxxxx", [(1.5, 8.0)]),
        ("..x..x..x..x..x..x", []),
        ("xxxx............xxxx............", [(1.5, 5.0), (9.5, 13.0)]),
        ("............xxxx", [(7.5, 8.0)]),
    ],
)
def test_spans(flags, expected):
    assert list(spans_of(flags)) == expected


def test_the_last_span_ends_with_the_file():
    moments = timeline(judged("xxxxxxxx"), Smoothing())
    assert spans(moments, 4.3339) == ((1.5, 4.334),)


def test_an_unjudged_frame_leaves_the_state():
    moments = timeline(judged("xxxx????????......."), Smoothing())
    assert [moment.on for moment in moments[3:-1]] == [True] * 15
    assert moments[5].flagged is None
    assert moments[5].unsafe_score is None


@pytest.mark.parametrize(
    ("flags", "unsafe"), [("x", True), (".", False), ("x.", True), ("...x", False), ("..xx", True)]
)
def test_a_short_file_is_judged_by_its_share(flags, unsafe):
    assert bool(spans_of(flags)) == unsafe


def test_frames_that_were_not_judged_do_not_make_it_longer():
    assert spans_of("?x?") == ((0.5, 1.5),)
    assert spans_of("???") == ()
