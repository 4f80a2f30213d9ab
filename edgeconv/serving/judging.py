"""From uploaded contents to decisions, several at once."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.classifying import Decision, MovingDecision, Unreadable
from edgeconv.embeddings import checked
from edgeconv.errors import ImageError, ImageTooLarge, InputError, UnsupportedImage
from edgeconv.frames.frame import Moving
from edgeconv.frames.judging import Looking, judge
from edgeconv.frames.opening import open_moving
from edgeconv.frames.video import demuxer_of
from edgeconv.images import FORMATS, load_pixels, pillow_errors, refuse_too_large, resize
from edgeconv.scoring.model import Model
from edgeconv.scoring.scorer import BatchScorer
from edgeconv.serving.limits import Limits
from edgeconv.serving.rows import rows_of
from edgeconv.spec import Embedding, Preprocessing

Entry = Decision | Unreadable

_ENOUGH = 16
"""Bytes that tell a video."""


class Upload(NamedTuple):
    """A picture or a file of rows; ``name`` is what the answer calls it, and never a path."""

    name: str
    content: bytes
    is_json: bool = False


class _Given(NamedTuple):
    """What the scorer takes of an upload: pixels at the model's size, or a row."""

    name: str
    array: NDArray[Any]


class Judge:
    """Decides what one worker is given: as :func:`edgeconv.classify` does, but no videos.

    An animation is judged over its frames, for half of ``limits.seconds``; the answer says so where
    that was not enough.
    """

    def __init__(self, model: Model, scorer: BatchScorer, limits: Limits) -> None:
        self._how, self._policy = model.how, model.policy
        self._scorer, self._limits = scorer, limits

    def __call__(self, uploads: Sequence[Upload]) -> list[list[Entry]]:
        """The entries of each upload: one for a picture, one a row for rows."""
        read = [list(self._read(upload)) for upload in uploads]
        given = [one.array for entries in read for one in entries if isinstance(one, _Given)]
        scores = iter(self._scorer(np.stack(given)) if given else ())
        return [
            [
                self._decision(one.name, next(scores)) if isinstance(one, _Given) else one
                for one in entries
            ]
            for entries in read
        ]

    def _read(self, upload: Upload) -> Iterator[_Given | Entry]:
        try:
            if isinstance(self._how, Embedding):
                yield from self._rows(upload, self._how)
            else:
                yield self._picture(upload, self._how)
        except InputError as error:
            yield Unreadable(upload.name, str(error))

    def _rows(self, upload: Upload, how: Embedding) -> Iterator[_Given | Entry]:
        for number, row in enumerate(rows_of(*upload, how)):
            place = f"{upload.name}[{number}]"
            try:
                yield _Given(place, checked(row, how, place))
            except InputError as error:
                yield Unreadable(place, str(error))

    def _picture(self, upload: Upload, how: Preprocessing) -> _Given | Entry:
        name, content = upload.name, upload.content
        if demuxer_of(content[:_ENOUGH]):
            raise UnsupportedImage(
                f"{name} is a video, which takes longer than a request may",
                expected="a picture, or an animation of a few seconds",
                do="edgeconv classify judges videos",
            )
        self._refuse_too_large(name, content)
        with open_moving(content, how.background, name) as moving:
            if moving is not None:
                return self._moving(name, moving, how)
        return _Given(name, load_pixels(content, how, name))

    def _refuse_too_large(self, name: str, content: bytes) -> None:
        """By what the file says of itself; what cannot be opened is told by decoding it."""
        try:
            with pillow_errors(name), Image.open(io.BytesIO(content), formats=FORMATS) as image:
                size = image.size
        except ImageError:
            return
        refuse_too_large(size, name, self._limits.pixels)

    def _moving(self, name: str, moving: Moving, how: Preprocessing) -> MovingDecision:
        patience = self._limits.seconds / 2
        until = monotonic() + patience

        def tick() -> None:
            if monotonic() > until:
                raise ImageTooLarge(f"{name} was judged for {patience:g} s only")

        def score(picture: Image.Image) -> dict[str, float]:
            return self._named(self._scorer(resize(picture, how)[None])[0])

        return MovingDecision.of(name, judge(moving, score, self._policy, Looking(), tick))

    def _decision(self, name: str, scores: NDArray[np.float32]) -> Decision:
        named = self._named(scores)
        judgement = self._policy.judge(named)
        return Decision(name, judgement.label, judgement.flagged, named)

    def _named(self, scores: NDArray[np.float32]) -> dict[str, float]:
        return dict(zip(self._policy.labels, scores.tolist(), strict=True))
