"""Text messages as frames of a WebSocket (RFC 6455 section 5.2), for senders that put many of them into one write."""

from __future__ import annotations

import os
import struct
from functools import lru_cache

_FIN_TEXT = 0x81
_MASKED = 0x80
_MASK_BYTES = 4
_LONG = 512
"""Characters from which on it is quicker to find the frame of a message, which may go to many, than to make it."""
_KEPT = 128
"""Frames of such messages: more than one turn sends to a client."""


def text_frame(text: str) -> bytes:
    """One whole text message of a server."""
    return _framed(text) if len(text) < _LONG else _framed_once(text)


def _framed(text: str) -> bytes:
    payload = text.encode()
    return _head(len(payload), 0) + payload


_framed_once = lru_cache(_KEPT)(_framed)


def masked_text_frame(payload: bytes) -> bytes:
    """One whole text message of a client, masked by a fresh key (section 5.3). ``payload`` is UTF-8."""
    size, key = len(payload), os.urandom(_MASK_BYTES)
    keys = (key * (size // _MASK_BYTES + 1))[:size]
    masked = int.from_bytes(payload) ^ int.from_bytes(keys)
    return b"".join((_head(size, _MASKED), key, masked.to_bytes(size)))


def _head(length: int, masked: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", _FIN_TEXT, masked | length)
    if length < 65536:
        return struct.pack("!BBH", _FIN_TEXT, masked | 126, length)
    return struct.pack("!BBQ", _FIN_TEXT, masked | 127, length)
