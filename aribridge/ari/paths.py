"""Paths of ARI: what a client sent is taken apart once, what goes to Asterisk is put together once.

Asterisk splits a path on ``/`` first and decodes each segment afterwards (res/res_ari.c), so an id may hold a slash if
it is percent-encoded. Ids are decoded here and encoded again by `join`, so nothing a client writes reaches Asterisk
as it came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aribridge.protocol.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_SHOWN = 80

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPED_DOT = re.compile(r"%2e", re.IGNORECASE)
_DOTS = frozenset({"", ".", ".."})


def split(path: str) -> tuple[str, ...]:
    """The decoded segments of a client's path, ``/channels/1%2F2`` → ``("channels", "1/2")``.

    A leading slash may be left out. Raises Problem: ``bad_parameter`` for an api_key, ``bad_path`` for everything that
    no ARI path has.
    """
    if "api_key" in unquote(path, errors="replace").lower():
        raise api_key_refused()
    raw = path.removeprefix("/").split("/")
    _check_text(path)
    _check_segments(path, raw)
    return tuple(_decode(path, segment) for segment in raw)


def join(segments: Iterable[str]) -> str:
    """The path to send, each segment encoded; the opposite of `split`."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def is_segment(text: str) -> bool:
    """Whether this can be an id in a path: not empty, no dot segment, no control character, encodable."""
    return text not in _DOTS and not _CONTROL.search(text) and is_encodable(text)


def is_encodable(text: str) -> bool:
    """Whether the text has a UTF-8 form: JSON can carry halves of surrogate pairs, which have none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def api_key_refused() -> Problem:
    """A client's ``api_key`` could replace the gateway's own identity in Asterisk; the text does not repeat it."""
    return Problem("bad_parameter", "Leave api_key out: the gateway authenticates itself to Asterisk.")


def shown(text: str) -> str:
    """A client's text as an error message may quote it: escaped and cut."""
    return ascii(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


def _check_text(path: str) -> None:
    if "?" in path or "#" in path:
        raise Problem("bad_path", f"The path {shown(path)} has a ? or a #: put parameters into query or body.")
    if _CONTROL.search(path) or "\\" in path or not is_encodable(path):
        raise Problem("bad_path", f"The path {shown(path)} holds control characters or backslashes: leave them out.")
    if _BAD_ESCAPE.search(path):
        raise Problem("bad_path", f"The path {shown(path)} has a % that starts no escape: write it as %25.")
    if _ESCAPED_DOT.search(path):
        raise Problem("bad_path", f"The path {shown(path)} has an encoded dot (%2e): a dot needs no encoding.")


def _check_segments(path: str, raw: list[str]) -> None:
    if raw == [""]:
        raise Problem("bad_path", "The path is empty: send one such as /channels.")
    if raw[0] == "ari" and len(raw) > 1:
        raise Problem("bad_path", f"Leave out the /ari prefix: {shown('/' + '/'.join(raw[1:]))}.")
    if raw[-1] == "":
        raise Problem("bad_path", f"The path {shown(path)} ends with a slash; ARI paths do not.")
    if not _DOTS.isdisjoint(raw):
        raise Problem("bad_path", f"The path {shown(path)} has an empty or a dot segment: write it out in full.")


def _decode(path: str, segment: str) -> str:
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Problem("bad_path", f"The path {shown(path)} has escapes that are not UTF-8.") from None
    if not is_segment(text):
        raise Problem("bad_path", f"The path {shown(path)} has an encoded control character in it.")
    return text
