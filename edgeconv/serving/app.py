"""The routes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from edgeconv.scoring.model import Model
from edgeconv.serving.answers import Answer, Health, Problem, Served, answered, described, document
from edgeconv.serving.judging import Entry, Upload
from edgeconv.serving.limits import Limits
from edgeconv.serving.metrics import CONTENT_TYPE, Metrics
from edgeconv.serving.uploads import Memory, received
from edgeconv.serving.workers import Busy, Workers

PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The page loads nothing from anywhere."""

BODY = {
    "requestBody": {
        "required": True,
        "description": "One upload as it is, or several as the files of a form.",
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {
                "schema": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number"}},
                    "description": "Rows, where the model takes embeddings.",
                }
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            },
        },
    }
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "A broken request"},
    408: {"model": Problem, "description": "It did not arrive in time"},
    413: {"model": Problem, "description": "Too large, or too many files"},
    422: {"model": Problem, "description": "Nothing in it can be judged"},
    429: {"model": Problem, "description": "Busy; Retry-After says for how many seconds"},
}


def create_app(
    model: Model, name: str, workers: Workers, limits: Limits, metrics: Metrics
) -> FastAPI:
    """The service; whoever runs it closes ``workers`` afterwards.

    Args:
        name: what answers call the model.
        workers: who judge by this model.
        metrics: told what is judged, and shown at ``/metrics``.
    """
    served = described(model, name, limits)
    memory = Memory(limits.memory)
    metrics.watch("pending", "Inputs that wait or are being judged.", lambda: workers.pending)
    metrics.watch("upload_bytes", "What uploads hold.", lambda: memory.held)
    page = files(__package__).joinpath("page.html").read_text("utf-8")
    app = FastAPI(
        title=f"edgeconv: {name}",
        description=model.notice or "",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
    )
    _explain_errors(app)

    @app.get("/", include_in_schema=False)
    async def try_it() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})

    @app.get("/health")
    async def health() -> Health:
        return Health(status="ok", model=name, pending=workers.pending)

    @app.get("/model")
    async def what_is_served() -> Served:
        return served

    @app.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.post("/classify", response_model=Answer, responses=PROBLEMS, openapi_extra=BODY)
    async def classify(request: Request) -> Response:
        """Judge pictures, or rows of embeddings."""
        start = perf_counter()
        async with received(request, limits, memory) as uploads:
            entries = await _judged(workers, uploads, limits.seconds)
        metrics.count(entries)
        metrics.seconds.observe(perf_counter() - start)
        return answered(served, entries)

    return app


async def _judged(workers: Workers, uploads: Sequence[Upload], seconds: float) -> list[Entry]:
    """Raises HTTPException 413 for more than ever has room, 429 for more than has room now."""
    if len(uploads) > workers.most:
        raise HTTPException(413, f"more than {workers.most} files in one request")
    try:
        answers = [asyncio.wrap_future(one) for one in workers.submit(uploads)]
        found = await asyncio.wait_for(asyncio.gather(*answers), seconds)
    except Busy as busy:
        raise HTTPException(429, f"{busy}: try again", {"Retry-After": str(busy.seconds)}) from busy
    except asyncio.TimeoutError:
        raise HTTPException(
            429, f"no answer within {seconds:g} s: try again", {"Retry-After": "1"}
        ) from None
    return [entry for entries in found for entry in entries]


def _explain_errors(app: FastAPI) -> None:
    """Every refusal is a JSON document with a reason, and none holds a traceback."""

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> Response:
        return document({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def let_go(_: Request, __: ClientDisconnect) -> Response:
        return document({"error": "the client has gone"}, 400)

    @app.exception_handler(Exception)
    async def apologise(_: Request, __: Exception) -> Response:
        return document({"error": "something is wrong with the server: see its log"}, 500)
