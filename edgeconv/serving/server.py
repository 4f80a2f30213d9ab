"""Binds an address, and runs the service until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.artifact import SUFFIXES
from edgeconv.errors import MissingDependency, UsageError
from edgeconv.scoring.model import Model, find_model
from edgeconv.scoring.noise import noise
from edgeconv.scoring.scorer import BatchScorer
from edgeconv.serving.limits import Limits

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
PORT = 8000

BACKLOG = 2048
"""Connections that the kernel holds for us."""

SWITCH_SECONDS = 0.0005
"""After which Python takes the interpreter from a worker that decodes, for the thread that answers.
Its own five milliseconds are several requests long."""


@dataclass(frozen=True)
class Listening:
    """Where and with what the service has started."""

    url: str
    model: str
    batch: int
    workers: int
    notice: str | None


@dataclass(frozen=True)
class Ended:
    """Requests whose head had arrived, and those that were answered."""

    accepted: int
    answered: int


def serve(
    model: str | Path,
    *,
    weights: str | Path | None = None,
    labels: Sequence[str] = (),
    point: str | None = None,
    host: str = HOST,
    port: int = PORT,
    workers: int | None = None,
    limits: Limits | None = None,
    started: Callable[[Listening], None],
) -> Ended:
    """Serve a model over HTTP until SIGINT or SIGTERM; then finish what was accepted.

    Args:
        model, weights, labels, point: as :func:`edgeconv.score` takes them.
        port: 0 takes a free one.
        workers: threads that judge; one a core by default.
        started: told where, once connections are accepted.

    Raises:
        UsageError: nobody can listen at that address.
        MissingDependency: what the extra ``serve`` brings is not installed.
        EdgeconvError: as :func:`edgeconv.score`, for the model.
    """
    _require_extra()
    import uvicorn

    from edgeconv.serving.app import create_app
    from edgeconv.serving.connections import guarded
    from edgeconv.serving.judging import Judge
    from edgeconv.serving.metrics import Counting, Metrics
    from edgeconv.serving.workers import Workers

    limits = limits or Limits()
    with _listening(host, port) as listener:
        found = find_model(model, weights, labels, point, None)
        scorers = _scorers(found, workers or os.cpu_count() or 1)
        judges = [Judge(found, scorer, limits) for scorer in scorers]
        threads = Workers(judges, found.scorer.batch, limits.queue, limits.seconds / 2)
        name = Path(found.scorer.model).name
        metrics = Metrics({"name": name, "sha256": found.sha256 or ""})
        service = Counting(create_app(found, name, threads, limits, metrics), metrics)
        server = uvicorn.Server(
            uvicorn.Config(
                service,
                http=guarded(limits),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                timeout_keep_alive=ceil(limits.seconds),
                backlog=BACKLOG,
            )
        )
        url = _url(host, listener)
        with _stopping_by_signals(server), _quick_to_answer():
            started(Listening(url, name, found.scorer.batch, len(scorers), found.notice))
            server.run([listener])
        threads.close()
    return Ended(service.accepted, service.answered)


@contextmanager
def _stopping_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Also before uvicorn listens to them, and not once more when it raises them again."""

    def stop(*_: object) -> None:
        server.should_exit = True

    handlers = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


@contextmanager
def _quick_to_answer() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _require_extra() -> None:
    for module, package in (
        ("fastapi", "fastapi"),
        ("uvicorn", "uvicorn"),
        ("python_multipart", "python-multipart"),
        ("prometheus_client", "prometheus-client"),
    ):
        if find_spec(module) is None:
            raise MissingDependency(package, "edgeconv serve", extra="serve")


def _listening(host: str, port: int) -> socket.socket:
    """A bound socket: an address that is taken is told before a model is loaded."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"cannot listen at {host}:{port}",
            got=getattr(error, "strerror", None) or str(error),
            do="choose another --port (0 takes a free one) or --host",
        ) from error


def _url(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _scorers(model: Model, count: int) -> list[BatchScorer]:
    """One for each worker, opened and warm.

    A TFLite interpreter holds the tensors of a call, so each worker has its own. The others can be
    called by several threads at once, and their weights are in memory once.
    """
    own = Path(model.scorer.model).suffix in SUFFIXES and not model.scorer.model.endswith(".onnx")
    scorers = [replace(model.scorer) if own else model.scorer for _ in range(count)]
    for scorer in scorers:
        scorer(noise(model.how, 1))
    return scorers
