"""Spark: chunks go to Python workers through ``mapInPandas``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edgeconv.errors import MissingDependency, ScoringError
from edgeconv.scoring.chunks import Chunk
from edgeconv.scoring.job import Job
from edgeconv.scoring.parts import Counts

TRIES = 4
"""Of a task, before the run ends; Spark's own default on a cluster, where alone it has one."""

TASKS = 4
"""A worker: few enough that a session serves many chunks, enough that they end together."""


def run(job: Job, chunks: Sequence[Chunk], workers: int, cluster: str | None) -> Iterator[Counts]:
    """Score chunks; the counts of each, as they are done.

    Spark repeats a task whose worker dies; parts that are there already are not made again.

    Args:
        job: what to do with a chunk; its parts must lie where every node writes.
        chunks: those that are not done yet.
        workers: Python workers of one core each.
        cluster: the address of a master, such as ``spark://host:7077``; None is this machine.

    Raises:
        MissingDependency: PySpark, pandas or Java is not installed.
        ScoringError: a task failed again and again.
    """
    try:
        import pandas  # noqa: F401
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingDependency("pyspark", "--engine spark", extra="spark") from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    ours = SparkSession.getActiveSession() is None
    try:
        spark = (
            SparkSession.builder.master(cluster or f"local[{workers},{TRIES}]")
            .appName("edgeconv score")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
            .getOrCreate()
        )
    except Exception as error:  # py4j's own, where there is no Java
        raise MissingDependency("Java 17 or later", "--engine spark") from error
    try:
        spark.sparkContext.setLogLevel("OFF")
        given = spark.createDataFrame([(chunk.to_json(),) for chunk in chunks], "chunk string")
        tasks = min(len(chunks), workers * TASKS)

        def score(frames: Iterable[Any]) -> Iterator[Any]:
            for frame in frames:
                counts = [job.run(Chunk.from_json(text)).to_json() for text in frame["chunk"]]
                yield frame.assign(counts=counts)[["counts"]]

        found = given.repartition(tasks).mapInPandas(score, "counts string")
        for row in found.toLocalIterator(prefetchPartitions=True):
            yield Counts.from_json(row["counts"])
    except PySparkException as error:
        raise ScoringError("Spark gave up", got=str(error).splitlines()[:5]) from error
    finally:
        if ours:
            spark.stop()
