"""What is on the screen at even intervals, and where scenes begin."""

import numpy as np
import pytest

from edgeconv.errors import ImageTooLarge, UnreadableImage
from edgeconv.frames import sampling
from edgeconv.frames.frame import LUMINANCE_SIZE, Frame
from edgeconv.frames.sampling import Sampling, by_scene


class Gray:
    """A content of one level of gray."""

    def __init__(self, level):
        self.level = level

    def luminance(self):
        return np.full(LUMINANCE_SIZE[::-1], self.level, np.uint8)


def frames(*starts, length=0.1):
    return [Frame(start, start + length, Gray(int(start * 10) % 256)) for start in starts]


def test_the_frame_that_is_there_at_the_instant():
    shown = frames(0, 0.2, 0.4, 0.6, 0.9, 1.0, 1.3)
    taken = list(Sampling(shown, 0.5))
    assert [sample.t for sample in taken] == [0, 0.5, 1.0]
    assert [sample.content for sample in taken] == [shown[at].content for at in (0, 2, 5)]


def test_a_frame_that_stays_comes_again_the_same():
    shown = [Frame(0, 2, Gray(0)), Frame(2, 2.6, Gray(200))]
    sampled = Sampling(shown, 0.5)
    contents = [sample.content for sample in sampled]
    assert contents == [shown[0].content] * 4 + [shown[1].content] * 2
    assert sampled.seconds == 2.6


def test_the_shortest_animation_gives_one_sample():
    assert [sample.t for sample in Sampling(frames(0), 0.5)] == [0]
    assert list(Sampling([], 0.5)) == []


def test_instants_do_not_drift():
    ten_minutes = (frame for second in range(600) for frame in frames(second, length=1))
    *_, last = Sampling(ten_minutes, 0.1)
    assert last.t == 5999 * 0.1


def test_only_one_frame_is_held():
    """Memory over any length: frames are asked for one at a time and dropped."""
    alive = set()

    class Counted(Gray):
        def __init__(self, number):
            super().__init__(number % 256)
            alive.add(number)
            self.number = number

        def __del__(self):
            alive.discard(self.number)

    def endless():
        for number in range(2000):
            assert len(alive) <= 4
            yield Frame(number / 10, (number + 1) / 10, Counted(number))

    for choose in (iter, by_scene):
        alive.clear()
        count = 0
        for _ in Sampling(choose(endless()), 0.5):
            count += 1
        assert count == 400


def breaking(shown):
    yield from shown
    raise UnreadableImage("it breaks off")


def test_what_was_before_the_break_is_sampled():
    sampled = Sampling(breaking(frames(0, 0.3, 0.6, 0.9, length=0.3)), 0.5)
    taken = []
    with pytest.raises(UnreadableImage, match="breaks off"):
        for sample in sampled:
            taken.append(sample.t)
    assert taken == [0, 0.5, 1.0]
    assert sampled.seconds == pytest.approx(1.2)


def test_a_clock_that_leaps_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(sampling, "MAX_SAMPLES", 100)
    sampled = Sampling([*frames(0, 0.1), *frames(1e12)], 0.5)
    with pytest.raises(ImageTooLarge, match=r"judged up to 50\.0 s only"):
        list(sampled)


def test_a_frame_that_could_not_be_decoded_is_a_gap():
    shown = [Frame(0, 0.5, Gray(0)), Frame(0.5, 1, None), Frame(1, 1.5, Gray(0))]
    for choose in (list, by_scene):
        assert [s.content is None for s in Sampling(choose(shown), 0.5)] == [False, True, False]


def lit(*levels):
    return [Frame(at / 10, (at + 1) / 10, Gray(level)) for at, level in enumerate(levels)]


def test_a_scene_lasts_until_the_picture_changes():
    shown = lit(*[10] * 8, *[200] * 5, *[10] * 7)
    scenes = [frame.content for frame in by_scene(shown)]
    assert scenes == [shown[0].content] * 8 + [shown[8].content] * 5 + [shown[13].content] * 7
    assert [frame.start for frame in by_scene(shown)] == [frame.start for frame in shown]


def test_a_slow_fade_is_seen_too():
    shown = lit(*range(0, 250, 5))
    assert len({id(frame.content) for frame in by_scene(shown)}) > 3


def test_a_long_scene_is_looked_at_again():
    shown = lit(*[50] * 100)
    began = {id(frame.content) for frame in by_scene(shown)}
    assert len(began) == 3


def test_noise_is_no_cut():
    random = np.random.default_rng(0)

    class Noisy(Gray):
        def luminance(self):
            return random.integers(90, 140, LUMINANCE_SIZE[::-1]).astype(np.uint8)

    shown = [Frame(at / 10, (at + 1) / 10, Noisy(0)) for at in range(30)]
    assert len({id(frame.content) for frame in by_scene(shown)}) == 1


def test_a_cut_to_a_picture_as_bright_is_seen(monkeypatch):
    class Half(Gray):
        """Dark on one side and bright on the other."""

        def luminance(self):
            gray = super().luminance().copy()
            gray[:, : LUMINANCE_SIZE[0] // 2] = 255 - self.level
            return gray

    shown = [Frame(at / 10, (at + 1) / 10, Half(40 if at < 5 else 215)) for at in range(10)]
    assert [frame.content for frame in by_scene(shown)][4:6] == [
        shown[0].content, shown[5].content,
    ]  # fmt: skip
    monkeypatch.setattr(sampling, "BLOCKS", (1, 1))
    assert len({id(frame.content) for frame in by_scene(shown)}) == 1
