"""A server of its own process, and what is sent to it."""

import io
import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

from PIL import Image

from edgeconv.parity.scenes import draw_scene

COMMAND = [sys.executable, "-c", "from edgeconv.cli import main; main()", "serve"]


class Served:
    """A running ``edgeconv serve``."""

    def __init__(self, process, url):
        self.process, self.url = process, url
        self.port = int(url.rpartition(":")[2])

    def raw(self, data, *, pieces=1, end=False):
        """What comes back for some bytes, until the server closes or says nothing for long."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            step = max(1, len(data) // pieces)
            received = b""
            try:
                for start in range(0, len(data), step):
                    connection.sendall(data[start : start + step])
                if end:
                    connection.shutdown(socket.SHUT_WR)
                while more := connection.recv(65536):
                    received += more
            except (TimeoutError, ConnectionError):
                pass
            return received

    def stop(self):
        """Its exit code, and the last line that it wrote."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode().splitlines()[-1]


@contextmanager
def serving(artifact, *options):
    process = subprocess.Popen(
        [*COMMAND, str(artifact), "--port", "0", "--json", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read().decode()
        yield Served(process, json.loads(line)["url"])
    finally:
        process.kill()
        process.communicate()


def picture(number=0, form="JPEG", size=(48, 64), **options):
    return written_as(form, Image.fromarray(draw_scene(number, size)), **options)


def written_as(form, image, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def post(body, *headers):
    lines = ["POST /classify HTTP/1.1", "Host: here", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
