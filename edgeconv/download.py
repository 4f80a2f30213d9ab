"""One http(s) download into a file, going on where an earlier one stopped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgeconv.errors import DownloadError
from edgeconv.progress import Progress

if TYPE_CHECKING:
    import httpx

LARGEST = 8 << 30
"""No checkpoint is larger; a server that sends more is not sending one."""

_BLOCK = 1 << 20
_MOST_REDIRECTS = 5
_TIMEOUT_SECONDS = 30.0
_RANGE = re.compile(r"bytes (?P<start>\d+)-\d+/(?P<total>\d+)")


def fetch_url(url: str, part: Path, progress: Progress) -> None:
    """Download a file.

    Args:
        url: an ``http://`` or ``https://`` address.
        part: where to. What is there already is taken for the beginning, and kept when the
            connection breaks, so that the next call goes on from there.
        progress: told of every megabyte.

    Raises:
        DownloadError: no network, no such file, a redirect that leaves http(s) or goes from https
            to http, or a body shorter or longer than announced.
    """
    import httpx

    try:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, headers={"Accept-Encoding": "identity"}) as web:
            _fetch(web, url, part, progress)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError(
            f"cannot fetch {url}",
            got=str(error) or type(error).__name__,
            do="check the network and try again: it goes on where it stopped",
        ) from error


def _fetch(web: httpx.Client, url: str, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = web.build_request("GET", url, headers={"Range": f"bytes={have}-"} if have else {})
    response = _follow(web, request)
    try:
        if have and response.status_code == 416:
            # What is here is not the beginning of what is there.
            part.unlink()
            response.close()
            _fetch(web, url, part, progress)
            return
        if response.status_code not in {200, 206}:
            raise DownloadError(
                f"cannot fetch {url}",
                got=f"HTTP {response.status_code} {response.reason_phrase}",
                do="check the address, or download the file yourself and pass --weights",
            )
        _save(response, part, progress)
    finally:
        response.close()


def _follow(web: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer to a request, redirects followed as long as they stay on http(s)."""
    for _ in range(_MOST_REDIRECTS):
        response = web.send(request, stream=True)
        if not response.has_redirect_location:
            return response
        response.close()
        target = request.url.join(response.headers["location"])
        if target.scheme not in {"http", "https"} or (request.url.scheme, target.scheme) == (
            "https",
            "http",
        ):
            raise DownloadError(
                f"{request.url} leads elsewhere; it was not followed",
                got=f"a redirect to {target.scheme}://{urlsplit(str(target)).netloc}",
                expected=f"{request.url.scheme}",
            )
        request = web.build_request("GET", target, headers=_kept(request))
    raise DownloadError(f"{request.url} leads through more than {_MOST_REDIRECTS} redirects")


def _kept(request: httpx.Request) -> dict[str, str]:
    return {"Range": request.headers["range"]} if "range" in request.headers else {}


def _save(response: httpx.Response, part: Path, progress: Progress) -> None:
    """Write a body behind what is there; or over it, where the server sends the whole file."""
    start, total = _extent(response)
    if start not in {0, part.stat().st_size if part.exists() else 0}:
        raise DownloadError(f"{response.url} sent another part of the file than was asked for")
    _refuse_more_than(LARGEST, total or 0, response)
    progress.step(f"fetching {part.stem}", None if total is None else -(-total // _BLOCK))
    for _ in range(start // _BLOCK):
        progress.advance()
    written = start
    with part.open("r+b" if start else "wb") as stream:
        stream.seek(start)
        for block in response.iter_raw(_BLOCK):
            _refuse_more_than(LARGEST if total is None else total, written + len(block), response)
            stream.write(block)
            written += len(block)
            progress.advance()
    if total is not None and written != total:
        raise DownloadError(
            f"{response.url} broke off",
            got=f"{written:,} bytes",
            expected=f"{total:,}",
            do="try again: it goes on where it stopped",
        )


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """(first byte that is sent, bytes of the whole file where that is announced)."""
    if response.status_code == 206:
        match = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if match is None:
            raise DownloadError(f"{response.url} sent a part of the file without saying which")
        return int(match["start"]), int(match["total"])
    length = response.headers.get("content-length", "")
    return 0, int(length) if length.isdigit() else None


def _refuse_more_than(limit: int, size: int, response: httpx.Response) -> None:
    if size > limit:
        raise DownloadError(
            f"{response.url} is larger than it may be",
            got=f"{size:,} bytes or more",
            expected=f"at most {limit:,}",
        )
