"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgeconv.classifying import Decision
from edgeconv.serving.judging import Entry

__all__ = ["CONTENT_TYPE", "Counting", "Metrics"]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """A registry of its own: nothing of the program around it is in there."""

    def __init__(self, model: dict[str, str]) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("edgeconv_model", "What is served.", registry=registry).info(model)
        self.requests = Counter(
            "edgeconv_requests", "Requests by status.", ["status"], registry=registry
        )
        self.seconds = Histogram(
            "edgeconv_classify_seconds",
            "From a request's head to its answer.",
            buckets=SECONDS,
            registry=registry,
        )
        self._inputs = Counter(
            "edgeconv_inputs", "Inputs by verdict.", ["verdict"], registry=registry
        )
        self._labels = Counter("edgeconv_labels", "Inputs by label.", ["label"], registry=registry)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when somebody looks."""
        Gauge(f"edgeconv_{name}", text, registry=self._registry).set_function(value)

    def count(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if isinstance(entry, Decision):
                self._inputs.labels("unsafe" if entry.unsafe else "safe").inc()
                self._labels.labels(entry.label).inc()
            else:
                self._inputs.labels("unreadable").inc()

    def text(self) -> bytes:
        text: bytes = generate_latest(self._registry)
        return text


class Counting:
    """ASGI middleware: ``accepted`` requests whose head has arrived, and ``answered`` ones."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._requests = app, metrics.requests
        self.accepted = self.answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                self._requests.labels(message["status"]).inc()
            elif not message.get("more_body", False):
                self.answered += 1

        self.accepted += 1
        await self._app(scope, receive, counted)
