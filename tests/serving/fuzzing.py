"""Files and requests that are nearly right, the same ones each time."""

import io
import struct
from random import Random

import numpy as np
from served import picture, post

from edgeconv.parity.awkward import awkward_drawings

EXTREMES = [struct.pack(">I", value) for value in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]


def mutated(random, content, others):
    """One of the seeds, damaged in one to four places."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(data) + 1)
        match random.randrange(7):
            case 0:
                del data[place:]
            case 1:
                for _ in range(random.randint(1, 20)):
                    if data:
                        data[random.randrange(len(data))] = random.randrange(256)
            case 2:
                data[place : place + 4] = random.choice(EXTREMES)
            case 3:
                data[place:place] = random.randbytes(random.randint(1, 64))
            case 4:
                del data[place : place + random.randint(1, 64)]
            case 5:
                data[place:place] = data[place : place + random.randint(1, 2000)]
            case 6:
                other = random.choice(others)
                data[place:] = other[random.randrange(len(other)) :]
    return bytes(data)


def many(seeds, count, seed=0):
    random = Random(seed)
    return [mutated(random, random.choice(seeds), seeds) for _ in range(count)]


def saved(drawing):
    form = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix := drawing.name.rpartition(".")[2], suffix)
    stream = io.BytesIO()
    drawing.draw().save(stream, form, **drawing.options)
    return stream.getvalue()


def picture_files():
    return [saved(drawing) for drawing in awkward_drawings()]


def row_files(length):
    """``.npy`` files of a row length, of other types, and one that would be unpickled."""
    rows = np.random.default_rng(0).normal(size=(3, length)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    arrays = [rows, rows[0], rows.astype(np.float16), rows.astype(np.float64), rows.T, rows > 0]
    objects = np.array([{"a": 1}], dtype=object)
    files = []
    for array in [*arrays, objects]:
        stream = io.BytesIO()
        np.save(stream, array)
        files.append(stream.getvalue())
    return files


def form(contents, boundary="x7", name="../../a.jpg"):
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
        + content
        + b"\r\n"
        for content in contents
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def requests():
    """Whole requests that are answered with 200."""
    small = picture(size=(16, 16))
    body = form([small, small])
    chunked = b"".join(
        b"%x\r\n%s\r\n" % (len(small[start : start + 100]), small[start : start + 100])
        for start in range(0, len(small), 100)
    )
    return [
        post(small, "Content-Type: image/jpeg", "Connection: close"),
        post(body, "Content-Type: multipart/form-data; boundary=x7", "Connection: close"),
        b"POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n" + chunked + b"0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /model HTTP/1.0\r\n\r\n",
    ]


def hostile():
    """Requests that are wrong on purpose."""
    small = picture(size=(16, 16))
    head = b"POST /classify HTTP/1.1\r\nHost: a\r\n"
    form_head = b"Content-Type: multipart/form-data; boundary=%s\r\n"
    yield from (head + b"Content-Length: " + value + b"\r\n\r\nxx" for value in (
        b"-1", b"+2", b"0x2", b"2, 3", b"9" * 30, b"2e3", b"", b" ", b"\xff",
        b"1\r\nContent-Length: 2",
    ))  # fmt: skip
    yield from (head + b"Transfer-Encoding: chunked\r\n\r\n" + value for value in (
        b"zz\r\n", b"-1\r\nx\r\n", b"ffffffffffffffffff\r\nx", b"1;" + b"a" * 70_000,
        b"3\r\nxx\r\n0\r\n\r\n", b"0\r\n" + b"A: b\r\n" * 5000, b"1\nx\n0\n\n",
    ))  # fmt: skip
    yield (
        head
        + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    )
    yield head + b"Transfer-Encoding: gzip\r\n\r\nx"
    yield head + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"
    yield head + b"Expect: nonsense\r\nContent-Length: 2\r\n\r\nxx"
    yield head + b"No colon here\r\n\r\n"
    yield head + b"A: " + b"x" * 100_000 + b"\r\n\r\n"
    yield head + b"A: b\r\n" * 20_000 + b"\r\n"
    yield head + b"A: \0\r\n\r\n"
    yield head + b" folded\r\n\r\n"
    yield b"POST /classify HTTP/1.1\r\n\r\n"
    yield b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"GET /\r\n\r\n"
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
    yield b"\0" * 5000
    yield b"\r\n" * 5000
    yield b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"
    for path in (
        b"/../../../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"//etc/passwd", b"/%00",
        b"/%ff%fe", b"/%", b"/?" + b"a=b&" * 5000, b"http://other/classify", b"*", b"/classify/",
        b"/static/../x", b"\xc3\xa9", b"/docs", b"/page.html",
    ):  # fmt: skip
        for method in (
            b"GET",
            b"POST",
            b"HEAD",
            b"OPTIONS",
            b"CONNECT",
            b"TRACE",
            b"PUT",
            b"X" * 300,
        ):
            yield method + b" " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    yield (
        b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    yield b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 500
    for boundary, body in (
        (b"", b"----\r\n"),
        (b"\xff\xfe", b"--\xff\xfe--\r\n"),
        (b"x" * 10_000, b""),
        (b'"', b'--"--\r\n'),
        (b"x7; charset=utf-16", form([small])),
        (b"x7; charset=nonsense", form([small])),
        (b"x7; charset=zip", form([small])),
        (b"x7; boundary*=utf-8''%ff", form([small])),
        (b"x7", form([small], name="\udcff".encode(errors="surrogatepass").decode("latin-1"))),
        (b"x7", form([small], name="a" * 70_000)),
        (b"x7", form([small], name='a"; filename*=utf-8\'\'%ff%00; x="')),
        (b"x7", form([small] * 40)),
        (b"x7", form([])),
        (b"x7", b"--x7\r\n" * 5000),
        (b"x7", b"--x7\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x7--\r\n"),
        (b"x7", b'--x7\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + bytes(2 << 20)),
        (b"x7", b"--x7\r\nA" + b"a" * 70_000 + b": b\r\n\r\nx\r\n--x7--\r\n"),
        (b"x7", b"--x7\r\n" + b"A: b\r\n" * 10_000 + b"\r\nx\r\n--x7--\r\n"),
        (b"x7", b'--x7\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n'
                b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x7--\r\n"),
    ):  # fmt: skip
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        yield head + form_head % boundary + length + body
