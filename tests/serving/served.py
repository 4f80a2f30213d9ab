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

MAIN = "from edgeconv.cli import main; main()"
COMMAND = [sys.executable, "-c", MAIN, "serve"]


class Served:
    """A running ``edgeconv serve``."""

    def __init__(self, process, url):
        self.process, self.url = process, url
        self.port = int(url.rpartition(":")[2])

    def raw(self, data):
        """What comes back for some bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            received = b""
            try:
                connection.sendall(data)
                while more := connection.recv(65536):
                    received += more
            except ConnectionError:
                pass
            return received

    def stop(self):
        """Its exit code, and all lines that it wrote on stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode().splitlines()


@contextmanager
def serving(artifact, *options, before="", **process_options):
    """``before`` is Python that the server's process runs first."""
    process = subprocess.Popen(
        [sys.executable, "-c", before + MAIN, "serve", str(artifact), "--port", "0", "--json",
         *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **process_options,
    )  # fmt: skip
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
