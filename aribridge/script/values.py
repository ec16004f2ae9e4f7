"""JSON values as flat rows of scalars, the form in which they cross to Lua and back (see lua/host/values.lua)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Token = str | bytes | int | float | bool | None

MAX_TOKENS = 200_000
"""Most scalars in one crossing, a bound on Lua's stack: about a thousand channels of ``GET /channels``."""
MAX_DEPTH = 100


class ValueNotJsonError(ValueError):
    """A value cannot cross to Lua: not JSON, too deep, or too large."""


def encode(*values: Any) -> list[Token]:
    """The tokens of the values, one after another. Raises ValueNotJsonError."""
    tokens: list[Token] = []
    for value in values:
        _append(tokens, value, 0)
    if len(tokens) > MAX_TOKENS:
        raise ValueNotJsonError(f"the value has {len(tokens)} parts, scripts take at most {MAX_TOKENS}")
    return tokens


def _append(tokens: list[Token], value: Any, depth: int) -> None:
    if isinstance(value, str | int | float | bytes):
        tokens.append(value)
    elif value is None:
        tokens += (None, "n", 0)
    elif depth > MAX_DEPTH:
        raise ValueNotJsonError(f"the value is nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, Mapping):
        _append_object(tokens, value, depth)
    elif isinstance(value, list | tuple):
        tokens += (None, "a", len(value))
        for item in value:
            _append(tokens, item, depth + 1)
    else:
        raise ValueNotJsonError(f"{type(value).__name__} is not a type of JSON")


def _append_object(tokens: list[Token], value: Mapping[str, Any], depth: int) -> None:
    tokens += (None, "o", len(value))
    for key, member in value.items():
        tokens.append(key)
        # Most members are strings: spared a call, which halves the time of an event.
        if type(member) is str:
            tokens.append(member)
        else:
            _append(tokens, member, depth + 1)


def decode(tokens: Iterator[Token]) -> Any:
    """The next value of the row. Raises StopIteration at its end."""
    token = next(tokens)
    if token is not None:
        return token
    kind, count = next(tokens), next(tokens)
    if kind == "n":
        return None
    length = range(int(count or 0))
    if kind == "a":
        return [decode(tokens) for _ in length]
    return {next(tokens): decode(tokens) for _ in length}


def decode_rest(tokens: Iterator[Token]) -> Iterator[Any]:
    """Every value that is left in the row."""
    while True:
        try:
            yield decode(tokens)
        except StopIteration:
            return
