"""Fetches published checkpoints into the cache: whole and SHA-256 checked, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeconv.download import fetch_url
from edgeconv.errors import DownloadError
from edgeconv.files import cannot_write, inside, locked, sha256_of
from edgeconv.progress import Progress, Silent
from edgeconv.spec import ModelSpec, Published, models_dir

CACHE_VARIABLE = "EDGECONV_CACHE"

_HUB = "hf://"
_UNFINISHED = ".unfinished"


def cache_dir() -> Path:
    """Where pulled checkpoints are kept: ``EDGECONV_CACHE``, or ``~/.cache/edgeconv``."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path.home() / ".cache" / "edgeconv"


def cached(spec: ModelSpec) -> Path | None:
    """The pulled checkpoint of a model, if all its files are here.

    Returns:
        The folder, or the file where there is only one; None if anything is missing.
    """
    files = [_place(spec, published) for published in spec.checkpoint.published]
    return _whole(spec) if files and all(file.is_file() for file in files) else None


def weights_at_hand(spec: ModelSpec) -> str:
    """Where a known model's weights are: ``embedded``, ``pulled``, ``to pull``, or ``your own``."""
    embedded = spec.checkpoint.embedded
    if embedded is not None and inside(models_dir(), embedded).is_file():
        return "embedded"
    if cached(spec) is not None:
        return "pulled"
    return "to pull" if spec.checkpoint.published else "your own"


def pull(spec: ModelSpec, progress: Progress | None = None) -> Path:
    """Fetch a model's published checkpoint into the cache; what is there already is kept.

    An interrupted download goes on where it stopped. A file takes its place only when its SHA-256
    is the one the spec names.

    Returns:
        As :func:`cached`.

    Raises:
        DownloadError: nothing is published, a file could not be fetched, or it is another one.
        FileError: the cache cannot be written.
    """
    progress = progress or Silent()
    if not spec.checkpoint.published:
        raise DownloadError(
            f"nothing is published for {spec.name}",
            do="give your own weights with --weights, or train it: edgeconv train "
            f"{spec.name} --data DIR",
        )
    unfinished = cache_dir() / _UNFINISHED / spec.name
    with locked(unfinished), _writable(cache_dir()):
        for published in spec.checkpoint.published:
            place = _place(spec, published)
            if place.is_file() and sha256_of(place) == published.sha256:
                progress.note(f"{published.file} is here already")
                continue
            part = inside(unfinished, f"{published.file}.part")
            _fetch(published, part, progress)
            place.parent.mkdir(parents=True, exist_ok=True)
            part.replace(place)
    return _whole(spec)


def _whole(spec: ModelSpec) -> Path:
    files = [_place(spec, published) for published in spec.checkpoint.published]
    return files[0] if len(files) == 1 else files[0].parent


def _place(spec: ModelSpec, published: Published) -> Path:
    return inside(cache_dir() / spec.name, published.file)


def _fetch(published: Published, part: Path, progress: Progress) -> None:
    """Fetch one file into ``part``, and check it."""
    if published.url.startswith(_HUB):
        progress.step(f"fetching {published.file} from the hub")
        _fetch_from_hub(published, part)
    else:
        fetch_url(published.url, part, progress)
    found = sha256_of(part)
    if found != published.sha256:
        part.unlink()
        raise DownloadError(
            f"{published.url} is not the file that was named; nothing of it was kept",
            got=f"SHA-256 {found}",
            expected=f"SHA-256 {published.sha256}",
            do="try again; if it stays so, the file was changed where it is published",
        )


def _fetch_from_hub(published: Published, part: Path) -> None:
    """Fetch ``hf://owner/repository@revision/path`` through the hub's own client and its cache."""
    import shutil

    from huggingface_hub import hf_hub_download

    owner, _, rest = published.url.removeprefix(_HUB).partition("/")
    repository, _, path = rest.partition("/")
    repository, _, revision = repository.partition("@")
    if not (owner and repository and path):
        raise DownloadError(
            f"{published.url} names no file on the hub",
            expected="hf://owner/repository@revision/path",
        )
    try:
        fetched = hf_hub_download(f"{owner}/{repository}", path, revision=revision or None)
    except Exception as error:  # its errors share no base class of their own
        raise DownloadError(
            f"cannot fetch {published.url}",
            got=str(error).splitlines()[:2],
            do="check the address and the network, or download it yourself and pass --weights",
        ) from error
    shutil.copyfile(fetched, part)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error) from error
