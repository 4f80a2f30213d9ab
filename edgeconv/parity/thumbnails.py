"""Small pictures of the worst cases, for the report."""

from __future__ import annotations

import io

from edgeconv.images import decode
from edgeconv.parity.reference_set import ReferenceSet
from edgeconv.parity.results import ParityRun
from edgeconv.spec import Preprocessing

SIDE = 112


def thumbnails(run: ParityRun, pictures: ReferenceSet) -> dict[str, bytes]:
    """PNG bytes by picture name, of every picture that is the worst for some artifact.

    Embeddings have none.
    """
    wanted = {
        worst.name
        for result in run.artifacts
        for gate in result.gates.values()
        for worst in gate.worst
    }
    return {
        picture.name: thumbnail(picture.read(), picture.name)
        for picture in pictures.pictures
        if picture.name in wanted and not picture.is_row
    }


def thumbnail(content: bytes, name: str) -> bytes:
    """PNG bytes of a picture, at most :data:`SIDE` pixels a side.

    Raises:
        ImageError: it cannot be decoded.
    """
    image = decode(content, Preprocessing(size=(SIDE, SIDE)), name)
    image.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
