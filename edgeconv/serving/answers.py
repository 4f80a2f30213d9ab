"""The documents that go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response

from edgeconv.classifying import Decision, MovingDecision, Unreadable
from edgeconv.scoring.model import Model
from edgeconv.serving.judging import Entry
from edgeconv.serving.limits import Limits
from edgeconv.spec import Embedding


class Answer(BaseModel):
    """Entries in the order of the uploads, as ``edgeconv classify --json`` has them.

    ``point`` names the operating point that decided; without one the label did. ``notice`` is the
    loud sentence of a model that must not be misunderstood.
    """

    model: str
    point: str | None
    notice: str | None
    results: list[MovingDecision | Decision | Unreadable]


class Problem(BaseModel):
    """Why there is no answer; ``results`` where each upload has its own reason."""

    error: str
    results: list[Unreadable] = []


class Health(BaseModel):
    """``pending`` inputs wait or are being judged."""

    status: str
    model: str
    pending: int


class Served(BaseModel):
    """What is served, and what it takes."""

    model: str
    labels: list[str]
    unsafe_labels: list[str]
    point: str | None
    threshold: float | None
    notice: str | None
    takes: str
    sha256: str | None
    most_bytes: int
    most_files: int
    most_pixels: int


def described(model: Model, name: str, limits: Limits) -> Served:
    policy = model.policy
    return Served(
        model=name,
        labels=list(policy.labels),
        unsafe_labels=list(policy.unsafe_labels),
        point=policy.point.name if policy.point else None,
        threshold=policy.point.threshold if policy.point else None,
        notice=model.notice,
        takes="embeddings" if isinstance(model.how, Embedding) else "pictures",
        sha256=model.sha256,
        most_bytes=limits.upload,
        most_files=limits.files,
        most_pixels=limits.pixels,
    )


def answered(served: Served, entries: Sequence[Entry]) -> Response:
    """200, or 422 where nothing could be judged."""
    results = [entry.as_dict() for entry in entries]
    if not any(isinstance(entry, Decision) for entry in entries):
        reason = results[0]["error"] if results else "there is nothing in it"
        return document({"error": reason, "results": results}, 422)
    head = {"model": served.model, "point": served.point, "notice": served.notice}
    return document({**head, "results": results})


def document(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON; a score that is no number, of a broken model, is null."""
    text = to_json(content, inf_nan_mode="null")
    return Response(text, status, headers, media_type="application/json")
