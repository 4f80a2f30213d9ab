"""``edgeconv serve`` over HTTP: a real model, a server of its own process."""

import json
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from moving_pictures import SAFE, UNSAFE, animation, drawing, written
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from served import COMMAND, picture, post, serving, written_as

from edgeconv import classify, open_scorer
from edgeconv.errors import MissingDependency
from edgeconv.serving import server as server_module


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def entries(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_answers_as_classify_does(client, vit_artifact, tmp_path):
    scorer = open_scorer(vit_artifact)
    labels = set()
    for number in range(6):
        path = written(tmp_path / f"{number}.jpg", picture(number))
        (expected,) = classify(scorer, [path])
        (entry,) = entries(client.post("/classify", content=path.read_bytes()))
        assert entry == {**expected.as_dict(), "file": "upload"}
        labels.add(round(entry["scores"]["Rings"], 3))
    assert len(labels) > 3, "the model does not vary over these pictures"


def test_a_form_of_several(client):
    names = ["a.jpg", "../../etc/passwd", "c.png", "ü\N{SNOWMAN}.jpg"]
    contents = [picture(1), picture(2), b"no picture", picture(3)]
    files = [("files", (name, content)) for name, content in zip(names, contents, strict=True)]
    found = entries(client.post("/classify", files=files))
    assert [entry["file"] for entry in found] == names
    assert [set(entry) for entry in found] == [
        {"file", "error"} if name == "c.png" else {"file", "label", "unsafe", "scores"}
        for name in names
    ]
    alone = [entries(client.post("/classify", content=content))[0] for content in contents[:2]]
    assert [entry["scores"] for entry in found[:2]] == [entry["scores"] for entry in alone]


def test_an_animation_is_judged_over_its_frames(client):
    content = animation([(SAFE, 2), (UNSAFE, 4)], frame_seconds=0.25)
    (entry,) = entries(client.post("/classify", content=content))
    assert entry["frames"] == 12
    assert {"spans", "timeline", "seconds"} <= set(entry)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot decode"),
        (b"hello", "cannot decode"),
        (picture()[:300], "cannot decode"),
        (written_as("PNG", Image.new("1", (9000, 6000))), "at most 50,000,000 pixels"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), "is a video"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "not read here"),
    ],
)
def test_what_cannot_be_judged_is_422_with_a_reason(client, content, reason):
    answer = client.post("/classify", content=content)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert "Traceback" not in answer.text


def test_a_form_that_is_none(client):
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x\r\n\r\nno name\r\n--x--\r\n", b"nonsense", b"--x--\r\n"):
        answer = client.post("/classify", content=body, headers=kind)
        assert answer.status_code == 400, body
        assert "form" in answer.json()["error"]
    without = client.post(
        "/classify", content=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    assert without.status_code == 400
    many = [("files", (f"{number}.jpg", b"x")) for number in range(33)]
    assert client.post("/classify", files=many).status_code == 400


def test_other_doors(client):
    assert client.get("/health").json() == {
        "status": "ok", "model": "DemoViT.fp32.onnx", "pending": 0,
    }  # fmt: skip
    model = client.get("/model").json()
    assert model["unsafe_labels"] == ["Rings", "Stripes"]
    assert "no moderation model" in model["notice"]
    assert client.get("/nothing/../etc/passwd").status_code == 404
    assert client.get("/classify").status_code == 405
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/classify", "/health", "/model", "/metrics"}
    assert "429" in described["paths"]["/classify"]["post"]["responses"]


def test_the_page_loads_nothing_from_elsewhere(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_metrics(client):
    def value(name, **labels):
        families = text_string_to_metric_families(client.get("/metrics").text)
        found = [
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        ]
        return found[0] if found else 0.0

    before = value("edgeconv_inputs_total", verdict="unreadable")
    refused = value("edgeconv_requests_total", status="422")
    client.post("/classify", content=b"x")
    assert value("edgeconv_inputs_total", verdict="unreadable") == before + 1
    assert value("edgeconv_requests_total", status="422") == refused + 1
    assert value("edgeconv_pending") == value("edgeconv_upload_bytes") == 0
    assert value("edgeconv_classify_seconds_count") > 0


def test_limits_of_size(vit_artifact):
    with serving(vit_artifact, "--max-upload", 1, "--max-pixels", 1) as server:
        url = f"{server.url}/classify"
        huge = httpx.post(url, content=bytes(3 << 20))
        assert huge.status_code == 413
        assert "1,048,576 bytes" in huge.json()["error"]
        chunked = httpx.post(url, content=iter([bytes(1 << 20)] * 3))
        assert chunked.status_code == 413
        asked = post(b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 9999999")
        assert server.raw(asked).startswith(b"HTTP/1.1 413")
        wide = httpx.post(url, content=written_as("PNG", Image.new("RGB", (1001, 1000))))
        assert wide.status_code == 422
        assert "at most 1,000,000 pixels" in wide.json()["error"]
        assert httpx.post(url, content=picture()).status_code == 200


def test_slow_clients_are_let_go(vit_artifact):
    with serving(vit_artifact, "--timeout", 0.5) as server:
        start = time.monotonic()
        body = server.raw(post(picture())[:-10])
        assert body.startswith(b"HTTP/1.1 408")
        assert b"no whole request" in body
        assert server.raw(b"POST /classify HTT").startswith(b"HTTP/1.1 408")
        assert server.raw(b"").startswith(b"HTTP/1.1 408")
        assert time.monotonic() - start < 5
        endless = b"POST /nothing HTTP/1.1\r\nHost: here\r\nContent-Length: 9999\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(endless)
            assert connection.recv(100).startswith(b"HTTP/1.1 404")
            with pytest.raises(ConnectionError):
                for _ in range(30):
                    connection.sendall(b"x")
                    time.sleep(0.1)
        assert httpx.post(f"{server.url}/classify", content=picture()).status_code == 200


def test_beyond_the_queue_is_429(vit_artifact):
    with (
        serving(vit_artifact, "--queue", 2, "--workers", 1) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        large = written_as("JPEG", Image.new("RGB", (4000, 3000)))

        def send(_):
            return client.post("/classify", content=large)

        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(send, range(12)))
        assert {answer.status_code for answer in answers} == {200, 429}
        for answer in answers:
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
                assert "try again" in answer.json()["error"]
        assert send(0).status_code == 200
        code, said = server.stop()
        assert (code, said[-1]) == (0, "stopped; 13 of 13 requests answered")


def test_stopping_finishes_what_was_accepted(vit_artifact):
    with (
        serving(vit_artifact, "--workers", 1) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
        ThreadPoolExecutor(4) as threads,
    ):
        large = written_as("JPEG", Image.new("RGB", (5000, 5000)))
        sent = [threads.submit(client.post, "/classify", content=large) for _ in range(4)]
        accepted = 0
        while accepted < 4:
            done = sum(one.done() for one in sent)
            pending = client.get("/health").json()["pending"]
            accepted = done + pending
        assert pending, "all were answered before it was told to stop"
        code, _ = server.stop()
        assert code == 0
        assert [one.result().status_code for one in sent] == [200] * 4


def test_an_address_that_is_taken(server, vit_artifact):
    done = subprocess.run(
        [*COMMAND, str(vit_artifact), "--port", str(server.port), "--json"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["message"] == f"cannot listen at 127.0.0.1:{server.port}"
    assert "--port" in error["do"]


def test_what_is_missing_is_named(monkeypatch):
    found = server_module.find_spec
    monkeypatch.setattr(
        server_module, "find_spec", lambda name: None if name == "uvicorn" else found(name)
    )
    with pytest.raises(MissingDependency, match="needs uvicorn") as caught:
        server_module.serve("demo", started=print)
    assert caught.value.do == "pip install 'edgeconv[serve]'"


def test_drawings_are_judged_alike_in_any_format(client):
    scores = []
    for form in ("PNG", "BMP", "TIFF"):
        content = written_as(form, Image.fromarray(drawing(SAFE)))
        scores.append(entries(client.post("/classify", content=content))[0]["scores"])
    assert scores[0] == scores[1] == scores[2]
