"""Strangers' files and strangers' HTTP: 4xx with a reason, never 5xx, never a crash, never a file.

What the server's process opens is written down by an audit hook that it runs first.
"""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fuzzing import form, hostile, many, picture_files, requests, row_files
from served import picture, post, serving
from small_head import write_head

import edgeconv

pytestmark = pytest.mark.slow

AUDITED = """
import os, sys
log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        os.write(log, os.fsencode(arguments[0]) + b"\\n")
sys.addaudithook(note)
"""

ITS_OWN = (sys.prefix, sys.base_prefix, str(Path(edgeconv.__file__).parent), "/proc/", "/sys/")
"""Modules that are imported late, and what metrics are read from."""


@contextmanager
def watched(artifact, folder, *options):
    """A server in an empty folder. Afterwards it is well, and has opened and left nothing."""
    empty, log = folder / "empty", folder / "opened"
    empty.mkdir()
    with serving(
        artifact,
        *options,
        before=AUDITED.format(log=str(log)),
        cwd=empty,
        env={**os.environ, "TMPDIR": str(empty)},
    ) as server:
        assert str(artifact) in log.read_text(), "the hook notes nothing"
        log.write_bytes(b"")
        before = list(empty.iterdir())  # ONNX Runtime leaves a file of its own
        yield server
        assert httpx.get(f"{server.url}/health").json()["pending"] == 0
        opened = {line for line in log.read_text().splitlines() if not line.startswith(ITS_OWN)}
        assert not opened
        assert list(empty.iterdir()) == before
        code, said = server.stop()
        assert code == 0
        assert not [line for line in said if "Traceback" in line or "Error" in line]


def fuzz_files(server, files):
    """The statuses that came back, each file sent as it is and in a form with others."""
    statuses = []

    def check(answer):
        statuses.append(answer.status_code)
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
        assert answer.status_code == 200 or answer.json()["error"]
        assert "Traceback" not in answer.text
        assert "edgeconv/" not in answer.text

    kind = {"Content-Type": "multipart/form-data; boundary=x7"}
    bodies = [(content, {}) for content in files]
    bodies += [(form(files[start : start + 8]), kind) for start in range(0, len(files), 8)]
    with httpx.Client(base_url=server.url, timeout=60) as client, ThreadPoolExecutor(8) as threads:

        def send(body):
            return client.post("/classify", content=body[0], headers=body[1])

        for answer in threads.map(send, bodies):
            check(answer)
    return statuses


def test_a_thousand_fuzzed_pictures(vit_artifact, tmp_path):
    with watched(vit_artifact, tmp_path) as server:
        statuses = fuzz_files(server, picture_files() + many(picture_files(), 1000))
        assert statuses.count(422) > 300, "they were hardly damaged"
        assert statuses.count(200) > 100, "nothing was left of them"


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    run = edgeconv.export(
        write_head(tmp_path_factory.mktemp("head")),
        targets=["onnx"],
        precisions=["fp32"],
        out=tmp_path_factory.mktemp("out"),
        verify=False,
    )
    return run.out / "Head.fp32.onnx"


def test_a_thousand_fuzzed_files_of_rows(head, tmp_path):
    with watched(head, tmp_path) as server:
        statuses = fuzz_files(server, row_files(16) + many(row_files(16), 1000))
        assert statuses.count(422) > 300
        assert statuses.count(200) > 100


def test_fuzzed_json(head, tmp_path):
    seeds = [b"[[" + b",".join([b"0.25"] * 16) + b"]]", b"[]", b'{"a": [1e400, NaN, "x"]}']
    odd = [b"[" * 100_000, b"[" + b"[]," * 300_000 + b"[]]", b"\xff", b"[[1e999]]", b"null"]
    kind = {"Content-Type": "application/json"}
    with watched(head, tmp_path) as server, httpx.Client(base_url=server.url) as client:
        answers = [
            client.post("/classify", content=content, headers=kind)
            for content in seeds + odd + many(seeds, 300)
        ]
    assert {answer.status_code for answer in answers} == {200, 422}
    assert all(answer.json()["error"] for answer in answers if answer.status_code == 422)


def test_fuzzed_http(vit_artifact, tmp_path):
    seeds = requests()
    cases = [*hostile(), *many(seeds, 600)]
    with watched(vit_artifact, tmp_path, "--timeout", 1) as server:
        for seed in seeds:
            assert server.raw(seed).startswith(b"HTTP/1.1 200")
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(server.raw, cases))
        statuses = [
            int(status) for answer in answers for status in re.findall(rb"HTTP/1\.1 (\d+)", answer)
        ]
        assert {status for status in statuses if not 200 <= status < 500} == set()
        assert statuses.count(400) > 50
        silent = [case for case, answer in zip(cases, answers, strict=True) if not answer]
        assert not silent, [case[:80] for case in silent]
        assert server.raw(post(picture(), "Connection: close")).startswith(b"HTTP/1.1 200")
