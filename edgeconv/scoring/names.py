"""Keys and errors as text that parquet takes: UTF-8, one line."""

from __future__ import annotations

from edgeconv.errors import EdgeconvError


def text_of(key: str) -> str:
    """A name that is no text is written with escapes: ``caf\\xe9.jpg``."""
    return key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def error_text(error: EdgeconvError) -> str:
    """What was got, expected and to be done, in one line."""
    return " ".join(str(error).split())
