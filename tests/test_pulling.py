"""Downloads over loopback: resumed, checked, and never half there."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edgeconv import download
from edgeconv.errors import DownloadError, FileError
from edgeconv.pulling import cached, pull, weights_at_hand
from edgeconv.spec import ModelSpec, Published

CONTENT = bytes(range(256)) * 10_000


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT at any path; the path says what goes wrong."""

    protocol_version = "HTTP/1.1"
    ranges: list[str | None]

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        if "missing" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        if "missing" in self.path:
            self.send_error(404)
        elif "elsewhere" in self.path:
            self.redirect(self.path.partition("?")[2])
        elif "loop" in self.path:
            self.redirect("/loop")
        elif asked and "no-ranges" not in self.path:
            self.part(int(asked.removeprefix("bytes=").rstrip("-")))
        else:
            self.whole()

    def redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def part(self, start: int) -> None:
        if start >= len(CONTENT):
            self.send_error(416)
            return
        if "wrong-range" in self.path:
            start += 1
        self.send_response(206)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(CONTENT[start:])

    def whole(self) -> None:
        self.send_response(200)
        if "unannounced" in self.path:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        breaks_off = "truncated" in self.path
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if breaks_off else CONTENT)
        if breaks_off or "unannounced" in self.path:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    def handle_error(self, *args: Any) -> None:
        """A client that hangs up is part of the tests."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("EDGECONV_CACHE", str(tmp_path / "cache"))
    Handler.ranges = []
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def publish(small_spec: ModelSpec) -> Any:
    def publish(*urls: str, content: bytes = CONTENT) -> ModelSpec:
        digest = hashlib.sha256(content).hexdigest()
        published = tuple(
            Published(url=url, file=f"part-{number}.h5", sha256=digest)
            for number, url in enumerate(urls)
        )
        source = small_spec.checkpoint.model_copy(update={"published": published})
        return small_spec.model_copy(update={"checkpoint": source})

    return publish


def kept(tmp_path: Path) -> list[str]:
    """All that the cache holds, locks apart."""
    files = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    return sorted(path.name for path in files if path.suffix != ".lock")


def test_one_file_is_the_checkpoint(server: str, publish: Any, tmp_path: Path) -> None:
    spec = publish(f"{server}/weights")
    assert cached(spec) is None
    assert weights_at_hand(spec) == "to pull"
    path = pull(spec)
    assert path == cached(spec) == tmp_path / "cache/small/part-0.h5"
    assert path.read_bytes() == CONTENT
    assert weights_at_hand(spec) == "pulled"


def test_several_files_are_a_folder_of_nothing_else(
    server: str, publish: Any, tmp_path: Path
) -> None:
    spec = publish(f"{server}/a", f"{server}/b")
    path = pull(spec)
    assert path == cached(spec) == tmp_path / "cache/small"
    assert sorted(file.name for file in path.iterdir()) == ["part-0.h5", "part-1.h5"]
    (path / "part-1.h5").unlink()
    assert cached(spec) is None


def test_what_is_here_is_not_fetched_again(server: str, publish: Any) -> None:
    spec = publish(f"{server}/weights")
    pull(spec)
    pull(spec)
    assert len(Handler.ranges) == 1


def test_what_was_damaged_here_is_fetched_again(server: str, publish: Any) -> None:
    spec = publish(f"{server}/weights")
    pull(spec).write_bytes(b"damaged")
    assert pull(spec).read_bytes() == CONTENT


def test_a_broken_connection_is_resumed(server: str, publish: Any, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot fetch") as caught:
        pull(publish(f"{server}/truncated"))
    assert "it goes on where it stopped" in str(caught.value)
    assert kept(tmp_path) == ["part-0.h5.part"]
    assert pull(publish(f"{server}/weights")).read_bytes() == CONTENT
    first, second = Handler.ranges
    assert first is None and second is not None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= len(CONTENT) // 2
    assert kept(tmp_path) == ["part-0.h5"]


def test_a_server_without_ranges_sends_all_again(server: str, publish: Any) -> None:
    with pytest.raises(DownloadError):
        pull(publish(f"{server}/truncated"))
    assert pull(publish(f"{server}/no-ranges")).read_bytes() == CONTENT


def test_a_server_that_sends_another_range_is_refused(server: str, publish: Any) -> None:
    with pytest.raises(DownloadError):
        pull(publish(f"{server}/truncated"))
    with pytest.raises(DownloadError, match="another part"):
        pull(publish(f"{server}/wrong-range"))


def test_a_beginning_that_is_too_long_is_thrown_away(
    server: str, publish: Any, tmp_path: Path
) -> None:
    part = tmp_path / "cache/.unfinished/small/part-0.h5.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"more")
    assert pull(publish(f"{server}/weights")).read_bytes() == CONTENT


def test_another_sha256_keeps_nothing(server: str, publish: Any, tmp_path: Path) -> None:
    spec = publish(f"{server}/weights", content=b"what was named")
    with pytest.raises(DownloadError, match="not the file that was named") as caught:
        pull(spec)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert kept(tmp_path) == []


def test_a_missing_file_is_named(server: str, publish: Any, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="/missing") as caught:
        pull(publish(f"{server}/missing"))
    assert "HTTP 404" in str(caught.value)
    assert kept(tmp_path) == []


def test_no_network(publish: Any, server: str) -> None:
    with pytest.raises(DownloadError, match="cannot fetch"):
        pull(publish("http://127.0.0.1:9/weights"))


def test_redirects_are_followed_on_http(server: str, publish: Any) -> None:
    assert pull(publish(f"{server}/elsewhere?/weights")).read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirects_off_http_are_refused(target: str, server: str, publish: Any) -> None:
    with pytest.raises(DownloadError, match="leads elsewhere"):
        pull(publish(f"{server}/elsewhere?{target}"))


def test_redirects_come_to_an_end(server: str, publish: Any) -> None:
    with pytest.raises(DownloadError, match="more than 5 redirects"):
        pull(publish(f"{server}/loop"))


@pytest.mark.parametrize("path", ["weights", "unannounced"])
def test_a_body_that_is_too_large_is_refused(
    path: str, server: str, publish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST", len(CONTENT) - 1)
    with pytest.raises(DownloadError, match="larger than it may be"):
        pull(publish(f"{server}/{path}"))


def test_nothing_published(publish: Any, server: str) -> None:
    with pytest.raises(DownloadError, match="nothing is published"):
        pull(publish())
    assert weights_at_hand(publish()) == "your own"


def test_a_cache_that_cannot_be_written(publish: Any, server: str, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder belongs")
    with pytest.raises(FileError, match="cannot write"):
        pull(publish(f"{server}/weights"))


def test_the_hub_is_reached_through_its_own_client(
    server: str, publish: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    template = server + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(DownloadError, match="cannot fetch hf://"):
        pull(publish("hf://owner/repository@main/missing.h5"))
    with pytest.raises(DownloadError, match="names no file"):
        pull(publish("hf://owner"))
    assert pull(publish("hf://owner/repository@main/folder/nsfw.h5")).read_bytes() == CONTENT
