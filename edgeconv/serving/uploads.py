"""From a request to what it uploads: whole in memory, within bounds of size and time.

A client that is refused before its body has arrived may be cut off while it still sends, and never
read why. So the rest of a refused body is read and dropped, for as long as any body may take.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from edgeconv.serving.judging import Upload
from edgeconv.serving.limits import Limits

NAME = "upload"
"""What an upload is called that has no name."""

LONGEST_NAME = 200
"""Characters of a name that are repeated."""

CLOSE = {"Connection": "close"}

TOO_BUSY = HTTPException(429, "too many uploads at once: try again", {"Retry-After": "1"})


@dataclass
class Memory:
    """Bytes that all uploads together may hold, and do."""

    most: int
    held: int = 0


@asynccontextmanager
async def received(request: Request, limits: Limits, memory: Memory) -> AsyncIterator[list[Upload]]:
    """What a request uploads; it counts as held until the context is left.

    The files of a form are its uploads, whatever its fields are called; any other body is one.

    Raises:
        HTTPException: 400 a broken form, 408 too slow, 413 too large, 429 no room.
        ClientDisconnect: the client has gone.
    """
    chunks: list[bytes] = []
    try:
        await _receive(request, chunks, limits, memory)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        chunks[:] = [body := b"".join(chunks)]
        if kind == "multipart/form-data":
            yield await _files(request, body, limits)
        else:
            yield [Upload(NAME, body, kind == "application/json")]
    finally:
        memory.held -= sum(map(len, chunks))


async def _receive(request: Request, chunks: list[bytes], limits: Limits, memory: Memory) -> None:
    """Fill ``chunks``, and count them."""
    declared = request.headers.get("content-length", "0")
    if int(declared) > limits.upload and "expect" in request.headers:
        raise _too_large(limits, CLOSE)  # nothing is sent before it is asked for
    refusal: HTTPException | None = None

    async def collect() -> None:
        nonlocal refusal
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limits.upload:
                refusal = _too_large(limits)
            elif memory.held + len(chunk) > memory.most:
                refusal = TOO_BUSY
            if refusal is None:
                memory.held += len(chunk)
                chunks.append(chunk)

    try:
        await asyncio.wait_for(collect(), limits.seconds)
    except asyncio.TimeoutError:
        raise HTTPException(408, f"no whole request within {limits.seconds:g} s", CLOSE) from None
    if refusal is not None:
        raise refusal


async def _files(request: Request, body: bytes, limits: Limits) -> list[Upload]:
    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, once(), max_files=limits.files, max_fields=limits.files
    )
    parser.spool_max_size = limits.upload + 1  # never on a disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"a broken form: {error.message}") from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise HTTPException(400, "a form without a file")
    return [Upload(_printable(file.filename), await file.read()) for file in files]


def _too_large(limits: Limits, headers: dict[str, str] | None = None) -> HTTPException:
    return HTTPException(413, f"more than {limits.upload:,} bytes in one request", headers)


def _printable(name: str | None) -> str:
    return (name or NAME)[:LONGEST_NAME].encode(errors="replace").decode()
