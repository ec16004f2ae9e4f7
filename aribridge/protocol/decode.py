"""From a frame to messages: each is understood, or refused with a reason that names the fault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from aribridge.protocol.messages import TYPES, ClientMessage, RestRequest
from aribridge.protocol.problems import Problem

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder()
_MOST_IN_BATCH = 1024
_KNOWN = ", ".join(f'"{kind}"' for kind in sorted(TYPES))
"""All of them: to find the nearest takes as long as twenty messages do, and nothing is paid for yet."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that cannot be carried out, with the id to answer to (None: it could not be read)."""

    id: int | str | None
    problem: Problem
    rest: RestRequest | None = None
    """The refused message, where it wants its answer in Asterisk's own form."""


def decode_frame(frame: str, *, batch: bool) -> list[ClientMessage | Refusal]:
    """Decode one text frame. Raises Problem ``bad_frame`` when nothing in it can be answered."""
    if not frame.lstrip(" \t\r\n").startswith("["):
        return [decode_message(frame)]
    if not batch:
        raise Problem("bad_frame", "A JSON array, but the hello did not list the feature batch.")
    return [decode_message(bytes(raw)) for raw in _split(frame)]


def decode_message(text: str | bytes) -> ClientMessage | Refusal:
    """Decode one JSON object. Raises Problem ``bad_frame`` for what is no JSON object."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        return _refuse(text, error)


def _split(frame: str) -> list[msgspec.Raw]:
    try:
        raws = _raws.decode(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Problem("bad_frame", f"Not JSON: {_sentence(error)}.") from None
    if len(raws) > _MOST_IN_BATCH:
        raise Problem("bad_frame", f"{len(raws)} messages in one frame; at most {_MOST_IN_BATCH} are taken.")
    return raws


def _refuse(text: str | bytes, error: Exception) -> Refusal:
    """Say what is wrong with a message, to the id that it carries if one can be read."""
    try:
        value = _anything.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as fault:
        raise Problem("bad_frame", f"Not JSON: {_sentence(fault)}.") from None
    if not isinstance(value, dict):
        raise Problem("bad_frame", f"A JSON object is expected, not {_kind(value)}.")
    return Refusal(_readable_id(value), _explain(value, error))


def _explain(value: dict[str, Any], error: Exception) -> Problem:
    kind = value.get("type")
    if kind is None:
        return Problem("bad_message", 'The field "type" is missing.')
    if not isinstance(kind, str) or kind not in TYPES:
        return Problem("unknown_type", f"{str(kind)[:64]!r} is not a message type. Known are {_KNOWN}.")
    return Problem("bad_message", f"{kind}: {_sentence(error)}.")


def _readable_id(value: dict[str, Any]) -> int | str | None:
    ident = value.get("id")
    if isinstance(ident, str) and 1 <= len(ident) <= 64:
        return ident
    return ident if isinstance(ident, int) and not isinstance(ident, bool) and abs(ident) <= 2**53 else None


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return re.sub(r"\s*-\s*at `\$\.?(.*?)`$", r" at `\1`", str(error)).rstrip(".")


def _kind(value: Any) -> str:
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return "null" if value is None else names.get(type(value), "something else")
