"""``edgeconv serve`` under load: its limit, what is beyond it, latency, memory, shutdown.

    python benchmarks/serve_load.py [--model demo-vit] [--requests 50000] [--json]

The server is a process of its own, and this one sends: over keep-alive connections, JPEGs of about
7 kB. On two cores both share them, so the limit is that of the pair.

1. limit: requests a second, of 16 connections that each send again as soon as they are answered.
2. at 70 % of it: requests are due at even intervals, answered in time or not, and timed from when
   they were due (as wrk2 does). The same at random intervals (Poisson) is printed without a bar:
   bursts queue there, in any server.
3. beyond: as many connections as three queues hold. Only 200 and 429 may come back, the latter with
   Retry-After.
4. memory: resident, from a tenth of ``--requests`` to the last.
5. shutdown: SIGTERM in the middle of load. Every request that the server says it accepted, from
   its start, was answered in full here, and it ends with 0.

Nothing else should run meanwhile.
"""

import argparse
import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import quantiles

BARS = {
    "errors_up_to_limit": 0,
    "p99_over_median": 3.0,
    "beyond_other_than_200_and_429": 0,
    "memory_growth": 0.02,
    "lost_at_shutdown": 0,
    "exit_code": 0,
}
QUEUE = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="demo-vit", help="demo or demo-vit")
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each timed phase")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(arguments, Path(folder)))
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        bar = BARS.get(name)
        met = "" if bar is None else f"(bar {bar})  {'met' if value <= bar else 'MISSED'}"
        print(f"{name:34} {value:12.5g}  {met}")


async def measured(arguments, place):
    artifact = exported(arguments.model, place)
    server, port = await started(artifact)
    load = Load(port, pictures())
    found = {}
    try:
        await load.closed(16, seconds=2)  # warm
        limit = await load.closed(16, seconds=arguments.seconds)
        found["limit_per_second"] = limit.rate
        found["limit_median_ms"] = limit.percentile(50)
        full = await load.closed(QUEUE, seconds=arguments.seconds / 2)
        found["errors_up_to_limit"] = limit.other_than(200) + full.other_than(200)

        even = await load.open(0.7 * limit.rate, arguments.seconds)
        found["even_median_ms"] = even.percentile(50)
        found["even_p99_ms"] = even.percentile(99)
        found["p99_over_median"] = even.percentile(99) / even.percentile(50)
        poisson = await load.open(0.7 * limit.rate, arguments.seconds, even=False)
        found["poisson_median_ms"] = poisson.percentile(50)
        found["poisson_p99_ms"] = poisson.percentile(99)
        found["errors_up_to_limit"] += even.other_than(200) + poisson.other_than(200)

        beyond = await load.closed(3 * QUEUE, seconds=arguments.seconds / 2)
        found["beyond_200"], found["beyond_429"] = beyond.statuses[200], beyond.statuses[429]
        found["beyond_other_than_200_and_429"] = beyond.other_than(200, 429)
        assert beyond.statuses[429], "the load was not beyond the limit"

        await load.closed(16, requests=arguments.requests // 10)
        before = resident(server.pid)
        await load.closed(16, requests=arguments.requests - arguments.requests // 10)
        found["memory_before_mb"] = before / 1e6
        found["memory_after_mb"] = resident(server.pid) / 1e6
        found["memory_growth"] = resident(server.pid) / before - 1

        last = asyncio.create_task(load.closed(64, seconds=10))
        await asyncio.sleep(2)
        server.send_signal(signal.SIGTERM)
        found["answered_before_and_while_stopping"] = (await last).statuses[200]
        farewell = (await asyncio.to_thread(server.communicate))[1].decode().splitlines()[-1]
        accepted = int(farewell.partition(" of ")[2].split()[0].replace(",", ""))
        found["lost_at_shutdown"] = accepted - load.answers
        found["exit_code"] = server.returncode
    finally:
        server.kill()
    return found


def exported(model, place):
    from edgeconv import export

    run = export(model, targets=["onnx"], precisions=["fp32"], out=place, verify=False)
    (artifact,) = run.out.glob("*.onnx")
    return artifact


async def started(artifact):
    command = "from edgeconv.cli import main; main()"
    arguments = ["serve", artifact, "--port", "0", "--queue", str(QUEUE), "--json"]
    server = subprocess.Popen(
        [sys.executable, "-c", command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    line = await asyncio.to_thread(server.stdout.readline)
    return server, int(json.loads(line)["url"].rpartition(":")[2])


def pictures():
    from PIL import Image

    from edgeconv.parity.scenes import draw_scene

    contents = []
    for number in range(16):
        stream = io.BytesIO()
        Image.fromarray(draw_scene(number, (180, 240))).save(stream, "JPEG", quality=85)
        contents.append(stream.getvalue())
    return contents


def resident(pid):
    """Bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Result:
    """Statuses, 0 where the connection ended without any; milliseconds of those with 200."""

    def __init__(self):
        self.statuses = Counter()
        self.times = []
        self.seconds = 0.0

    @property
    def rate(self):
        return self.statuses[200] / self.seconds

    def percentile(self, percent):
        return quantiles(self.times, n=100)[percent - 1]

    def other_than(self, *statuses):
        return sum(count for status, count in self.statuses.items() if status not in statuses)


class Load:
    """Sends pictures to a server, and counts all answers that were whole."""

    def __init__(self, port, contents):
        self.port = port
        self.answers = 0
        self._requests = [
            b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
            for content in contents
        ]

    async def closed(self, connections, seconds=None, requests=None):
        """Each connection sends again as soon as it is answered."""
        loop, result = asyncio.get_running_loop(), Result()
        start = loop.time()
        left = requests

        async def one():
            nonlocal left
            async with Connection(self.port) as connection:
                while left != 0 if seconds is None else loop.time() < start + seconds:
                    left = None if left is None else left - 1
                    sent = loop.time()
                    if not await self._send(connection, sent, result):
                        return

        await asyncio.gather(*(one() for _ in range(connections)))
        result.seconds = loop.time() - start
        return result

    async def open(self, rate, seconds, even=True):
        """Requests are due at a rate, whether those before are answered or not."""
        loop, result = asyncio.get_running_loop(), Result()
        gaps = random.Random(0)
        idle, tasks = [], set()

        async def one(due):
            while idle and idle[-1].closed:
                idle.pop()
            connection = idle.pop() if idle else await Connection(self.port).__aenter__()
            if await self._send(connection, due, result):
                idle.append(connection)

        start = due = loop.time()
        while due < start + seconds:
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            tasks.add(task := asyncio.create_task(one(due)))
            task.add_done_callback(tasks.discard)
            due += 1 / rate if even else gaps.expovariate(rate)
        await asyncio.gather(*tasks)
        for connection in idle:
            connection.close()
        result.seconds = loop.time() - start
        return result

    async def _send(self, connection, due, result):
        """Whether the connection can be used again."""
        status, head = await connection.answer(self._requests[self.answers % len(self._requests)])
        result.statuses[status] += 1
        if status == 200:
            result.times.append((asyncio.get_running_loop().time() - due) * 1e3)
        if status == 429:
            assert b"retry-after" in head.lower()
        self.answers += status != 0
        return status != 0 and b"connection: close" not in head.lower()


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, one request at a time."""

    def __init__(self, port):
        self._port = port
        self._received, self._answer = b"", None

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_):
        self.close()

    def close(self):
        self._transport.close()

    @property
    def closed(self):
        return self._transport.is_closing()

    async def answer(self, request):
        """Status and head; 0 where the connection ended first."""
        if self._transport.is_closing():
            return 0, b""
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data):
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if length and len(body) >= int(length) and not self._answer.done():
            self._answer.set_result((int(head[9:12]), head))

    def connection_lost(self, _):
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((0, b""))


if __name__ == "__main__":
    sys.exit(main())
