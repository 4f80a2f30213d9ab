"""What a user's folder or file holds for a model to be run on."""

from __future__ import annotations

from pathlib import Path

from edgeconv.parity.embedding_set import embeddings_in
from edgeconv.parity.reference_set import ReferenceSet, folder_set
from edgeconv.spec import Embedding, Preprocessing


def samples_in(place: Path, how: Preprocessing | Embedding) -> ReferenceSet:
    """The pictures of a folder, or the rows of ``.npy`` files, as the model takes either.

    Raises:
        UsageError: there is no such place, or nothing of the kind in it.
        EmbeddingError: a file holds no such embeddings.
    """
    return embeddings_in(place, how) if isinstance(how, Embedding) else folder_set(place)
