"""Janus API messages as text: JSON objects, one or several back to back, of sane size and depth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Never

from aribridge.janus.errors import Code, JanusError

MAX_MESSAGE = 131_072
"""Most bytes of one message or POST body; the SDP of a browser with many tracks is a tenth of it."""
MAX_DEPTH = 32


def encode(message: Mapping[str, Any]) -> str:
    """Write a message, as ASCII so that no string of a client can make it unsendable.

    Raises ValueError, TypeError for what JSON has not, such as NaN.
    """
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def text_of(content: bytes | bytearray) -> str:
    """Read the text that a binary message or a body holds. Raises JanusError 454."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise JanusError(Code.INVALID_JSON, "The message is not UTF-8.") from None


def decode_all(text: str) -> list[object]:
    """Read the JSON values of one WebSocket message, which may follow each other without a separator.

    Either all of them are JSON, or JanusError 454 is raised and none counts.
    """
    values: list[object] = []
    position = _skip_space(text, 0)
    while position < len(text) or not values:
        value, position = _decode(text, position)
        values.append(value)
        position = _skip_space(text, position)
    return values


def decode_one(text: str) -> object:
    """Read the one JSON value of a POST body; JanusError 454 for anything else."""
    values = decode_all(text)
    if len(values) != 1:
        raise JanusError(Code.INVALID_JSON, "The body holds several JSON values; POST them one at a time.")
    return values[0]


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _decode(text: str, position: int) -> tuple[object, int]:
    try:
        value, end = _decoder.raw_decode(text, position)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise JanusError(Code.INVALID_JSON, f"Not JSON: {error}.") from None
    _check_depth(value)
    return value, end


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep() -> JanusError:
    return JanusError(Code.INVALID_JSON, f"The JSON is nested deeper than {MAX_DEPTH} levels.")


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
