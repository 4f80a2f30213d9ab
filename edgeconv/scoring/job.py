"""What a worker does with a chunk, the same on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgeconv.policy import Policy
from edgeconv.scoring import pictures, rows
from edgeconv.scoring.batches import Batch, ahead
from edgeconv.scoring.chunks import Chunk
from edgeconv.scoring.inputs import Reading
from edgeconv.scoring.location import Location
from edgeconv.scoring.parts import Counts, PartWriter, read_counts
from edgeconv.scoring.scorer import BatchScorer
from edgeconv.spec import Embedding


@dataclass(frozen=True)
class Job:
    """All that is needed to score any chunk anywhere; it can be pickled.

    ``least_side`` is that of :func:`edgeconv.images.load_pixels`; ``parts`` is the folder of parts.
    """

    scorer: BatchScorer
    policy: Policy
    reading: Reading
    least_side: int | None
    parts: Location

    @property
    def in_threads(self) -> bool:
        """Whether threads of one process can run it side by side: what rows take in batches, they
        take outside of Python. Pictures are decoded, and what kills a decoder kills its process.
        """
        return isinstance(self.reading.how, Embedding) and self.scorer.batch > 1

    def run(self, chunk: Chunk) -> Counts:
        """Score a chunk and commit its part. One that is there already is left as it is.

        Raises:
            FileError: the part cannot be written.
        """
        place = self.parts / chunk.part
        if place.exists():
            return read_counts(place)
        writer = PartWriter(self.policy)
        for batch in self._batches(chunk):
            scores = self.scorer(batch.given) if len(batch.places) else self._no_scores()
            writer.add(batch, scores)
        content, counts = writer.finish()
        place.write(content)
        return counts

    def _batches(self, chunk: Chunk) -> Iterator[Batch]:
        """Pictures are decoded while others are scored. The system itself reads ahead in files of
        rows, and those are best scored by the core that has them in its cache."""
        if isinstance(self.reading.how, Embedding):
            return rows.batches(chunk, self.reading)
        return ahead(pictures.batches(chunk, self.reading, self.least_side))

    def _no_scores(self) -> np.ndarray:
        return np.empty((0, len(self.policy.labels)), np.float32)
