"""The real engines, and ``kill -9`` in the middle of a run: the rows of one that nobody killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from scoring_inputs import read_parts

from edgeconv.generated import LABELS, draw_pattern

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc"),
]

PICTURES = 400


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PICTURES):
        pixels = draw_pattern(LABELS[number % len(LABELS)], 0.2, number, (60, 80))
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


class Run:
    """``edgeconv score`` as a program."""

    def __init__(self, demo_artifact, photos, folder):
        self._given = [str(demo_artifact), str(photos)]
        self._program = folder / "program.py"
        self._program.write_text(
            "from edgeconv.cli import main\nif __name__ == '__main__': main()\n"
        )

    def start(self, out, *options):
        command = [sys.executable, self._program, "score", *self._given, "--out", out, *options]
        return subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def finish(self, process):
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return said


@pytest.fixture(scope="module")
def run(demo_artifact, photos, tmp_path_factory):
    return Run(demo_artifact, photos, tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    run.finish(run.start(out, "--workers", "1"))
    rows = read_parts(out / "scores")
    assert len(rows) == PICTURES + 1
    assert sum(row["error"] is not None for row in rows) == 1
    assert len({row["label"] for row in rows}) == len(LABELS) + 1
    return out


def parts(out):
    return {path.name: path.read_bytes() for path in sorted((out / "scores").glob("part-*"))}


def stamps(out):
    return {
        p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (out / "scores").glob("part-*")
    }


def wait_for_parts(out, process, count=4, seconds=200):
    end = time.monotonic() + seconds
    while len(stamps(out)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    return stamps(out)


def below(pid):
    """All processes that a process started, and those that they did."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *below(int(child))]
    return found


def named(pids, *words):
    def line(pid):
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return ""

    return [pid for pid in pids if any(word in line(pid) for word in words)]


def check(out, undisturbed, before):
    assert parts(out) == parts(undisturbed)
    after = stamps(out)
    assert {name: after[name] for name in before} == before


def test_a_killed_process(run, undisturbed, tmp_path):
    process = run.start(tmp_path, "--workers", "2")
    before = wait_for_parts(tmp_path, process)
    workers = named(below(process.pid), "spawn_main")
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    assert len(before) < len(parts(undisturbed)) - 4
    run.finish(process)
    check(tmp_path, undisturbed, before)


def test_a_killed_run_goes_on_when_it_is_called_again(run, undisturbed, tmp_path):
    process = run.start(tmp_path, "--workers", "2")
    before = wait_for_parts(tmp_path, process)
    started = below(process.pid)
    process.kill()
    process.communicate()
    end = time.monotonic() + 20
    while named(started, "spawn_main") and time.monotonic() < end:
        time.sleep(0.1)
    assert not named(started, "spawn_main")
    assert not (tmp_path / "summary.json").exists()
    run.finish(run.start(tmp_path, "--workers", "2"))
    check(tmp_path, undisturbed, before)


def killed_in_the_middle(run, undisturbed, out, engine, *words):
    process = run.start(out, "--engine", engine, "--workers", "2")
    before = wait_for_parts(out, process)
    workers = named(below(process.pid), *words)
    assert workers
    os.kill(workers[-1], signal.SIGKILL)
    assert len(before) < len(parts(undisturbed)) - 4
    run.finish(process)
    check(out, undisturbed, before)


def test_a_killed_actor_of_ray(run, undisturbed, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'edgeconv[ray]'")
    killed_in_the_middle(run, undisturbed, tmp_path, "ray", "ray::MapWorker", "ray::_MapWorker")


def test_a_killed_worker_of_spark(run, undisturbed, tmp_path):
    pytest.importorskip("pyspark", reason="PySpark is not installed: pip install 'edgeconv[spark]'")
    if not shutil.which("java"):
        pytest.skip("Spark needs Java: apt-get install openjdk-17-jre-headless")
    killed_in_the_middle(run, undisturbed, tmp_path, "spark", "pyspark.daemon")
