"""What a client may hold below HTTP."""

import asyncio
import re
import socket
import time
from contextlib import ExitStack, contextmanager
from threading import Thread

import uvicorn

from edgeconv.serving.connections import guarded
from edgeconv.serving.limits import Limits

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def everything(connection):
    received = b""
    while more := connection.recv(65536):
        received += more
    return received


async def app(scope, receive, send):
    await asyncio.sleep(0.5)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
    )
    await send({"type": "http.response.body"})


@contextmanager
def listening(**limits):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        protocol = guarded(Limits(**limits))
        config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, args=([listener],))
        address = listener.getsockname()
        thread.start()
        try:
            yield lambda: socket.create_connection(address, timeout=10)
        finally:
            server.should_exit = True
            thread.join()


def test_no_more_connections_than_allowed():
    with listening(connections=2) as connect, ExitStack() as held:
        kept = [held.enter_context(connect()) for _ in range(2)]
        for connection in kept:
            connection.sendall(REQUEST)
        time.sleep(0.1)
        with connect() as third:
            third.sendall(REQUEST + bytes(100_000))
            answer = third.recv(1000)
            assert answer.startswith(b"HTTP/1.1 429")
            assert b"Retry-After: 1\r\n" in answer
            assert third.recv(1000) == b""
        for connection in kept:
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        kept[0].close()
        time.sleep(0.1)
        with connect() as fourth:
            fourth.sendall(REQUEST)
            assert fourth.recv(1000).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_is_told_so_once():
    closing = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with listening() as connect:
        for sent, statuses in (
            (b"nonsense\r\n\r\n", [b"400"]),
            (REQUEST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost") + b"zz\r\n", [b"400"]),
            (closing + b"nonsense\r\n\r\n", [b"200"]),
        ):
            with connect() as connection:
                connection.sendall(sent)
                assert re.findall(rb"HTTP/1\.1 (\d+)", everything(connection)) == statuses, sent


def test_patience_is_for_clients_not_for_answers():
    with listening(seconds=0.2) as connect:
        with connect() as silent:
            assert silent.recv(1000).startswith(b"HTTP/1.1 408")
        with connect() as busy:
            busy.sendall(REQUEST[:10])
            time.sleep(0.1)
            busy.sendall(REQUEST[10:])
            assert busy.recv(1000).startswith(b"HTTP/1.1 200")
            busy.sendall(REQUEST[:10])  # a second one that never ends
            assert busy.recv(1000).startswith(b"HTTP/1.1 408")
