"""Reads old-style property lists, which Xcode keeps its projects in."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r'\s+|/\*.*?\*/|//[^\n]*|(?P<mark>[{}()=;,])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[\w./$:-]+)',
    re.DOTALL,
)


def parse(text: str) -> dict[str, Any]:
    """Dictionaries, arrays and strings; ValueError where the text is none of these."""
    tokens = _tokens(text)
    value = _value(tokens)
    if tokens or not isinstance(value, dict):
        raise ValueError("not one dictionary")
    return value


def _tokens(text: str) -> list[tuple[str, str]]:
    """Marks and words, the last one first."""
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"unexpected {text[place : place + 20]!r}")
        if match.lastgroup:
            kind = "mark" if match.lastgroup == "mark" else "word"
            found.append((kind, match[match.lastgroup]))
        place = match.end()
    return found[::-1]


def _value(tokens: list[tuple[str, str]]) -> Any:
    kind, text = _next(tokens)
    if kind == "word":
        return text
    if text == "{":
        return _dictionary(tokens)
    if text == "(":
        return _array(tokens)
    raise ValueError(f"unexpected {text!r}")


def _dictionary(tokens: list[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while tokens and tokens[-1] != ("mark", "}"):
        kind, key = _next(tokens)
        if kind != "word" or key in found:
            raise ValueError(f"unexpected or repeated key {key!r}")
        _expect(tokens, "=")
        found[key] = _value(tokens)
        _expect(tokens, ";")
    _expect(tokens, "}")
    return found


def _array(tokens: list[tuple[str, str]]) -> list[Any]:
    found = []
    while tokens and tokens[-1] != ("mark", ")"):
        found.append(_value(tokens))
        _expect(tokens, ",")
    _expect(tokens, ")")
    return found


def _expect(tokens: list[tuple[str, str]], mark: str) -> None:
    if _next(tokens) != ("mark", mark):
        raise ValueError(f"expected {mark!r}")


def _next(tokens: list[tuple[str, str]]) -> tuple[str, str]:
    if not tokens:
        raise ValueError("ends too early")
    return tokens.pop()
