"""What one client may hold of the server below HTTP: connections, and patience.

uvicorn waits for ever for a request's head, and for the rest of a body that was answered already.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edgeconv.serving.limits import Limits

LINGER = 1.0
"""Seconds in which a client that is refused may still send: closed at once, it would be cut off
before it reads why."""


def guarded(limits: Limits) -> type[H11Protocol]:
    """uvicorn's protocol, for at most ``limits.connections``, each of which may be silent or slow
    for ``limits.seconds``."""

    class Guarded(H11Protocol):
        _patience: asyncio.TimerHandle | None = None
        _refused = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()
            if len(self.connections) > limits.connections:
                self._refuse(429, "too many connections", b"Retry-After: 1\r\n")

        def data_received(self, data: bytes) -> None:
            if not self._refused:
                super().data_received(data)
                self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._forget()

        def send_400_response(self, msg: str) -> None:
            if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                self._refuse(400, msg)
            else:  # uvicorn's own would raise: what it answered already is all there is
                self.transport.close()

        def _watch(self) -> None:
            answered = self.cycle is not None and self.cycle.response_complete
            if self.conn.their_state is h11.IDLE or (
                answered and self.conn.their_state is h11.SEND_BODY
            ):
                if self._patience is None:
                    self._patience = self.loop.call_later(limits.seconds, self._give_up)
            else:
                self._forget()

        def _forget(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _give_up(self) -> None:
            if self.conn.our_state is h11.IDLE:
                self._refuse(408, f"no whole request within {limits.seconds:g} s")
            else:
                self.transport.close()

        def _refuse(self, status: int, reason: str, header: bytes = b"") -> None:
            self._refused = True
            self._forget()
            if self.cycle is not None:  # whoever works on the answer need not go on
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            body = f'{{"error":"{reason}"}}'.encode()
            self.transport.write(
                f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n".encode()
                + header
                + b"\r\n"
                + body
            )
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)

    return Guarded
