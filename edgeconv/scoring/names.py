"""Keys and errors as text that parquet takes: UTF-8, one line."""

from __future__ import annotations

from edgeconv.errors import EdgeconvError


def texts_of(keys: list[str]) -> list[str]:
    """As :func:`text_of`, and next to free where all are text."""
    try:
        "".join(keys).encode()
    except UnicodeEncodeError:
        return [text_of(key) for key in keys]
    return keys


def text_of(key: str) -> str:
    """A name that is no text is written with escapes: ``caf\\xe9.jpg``."""
    return key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def error_text(error: EdgeconvError) -> str:
    """What was got, expected and to be done, in one line."""
    return " ".join(str(error).split())
