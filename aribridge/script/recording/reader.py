"""Reads recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from aribridge.script.errors import ScriptLoadError
from aribridge.script.recording.recorder import FORMAT

_LARGEST = 256 << 20
_Kind = TypeVar("_Kind")


class Header(msgspec.Struct):
    """The first line; ``recorded`` is when, in ISO 8601."""

    format: int
    script: str
    recorded: datetime


class Line(msgspec.Struct, omit_defaults=True):
    """Any other line: an event, a command with its number, the answer to one by its number, or why it is not whole.

    ``at`` counts seconds from the beginning.
    """

    at: float = 0.0
    target: str | None = None
    event: dict[str, Any] | None = None
    command: int = 0
    op: str = ""
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    answer: int = 0
    body: Any = None
    error: dict[str, Any] | None = None
    end: str = ""
    number: int = 0
    """Of the line in its file."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording: what happened, in order."""

    path: Path
    header: Header
    lines: list[Line]


def read_recording(path: Path) -> Recording:
    """Read a recording. Raises ScriptLoadError with file and line."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ScriptLoadError(f"{path}: larger than {_LARGEST >> 20} MiB")
        texts = path.read_bytes().splitlines()
    except OSError as error:
        raise ScriptLoadError(f"{path}: {error.strerror}") from None
    header = _decoded(path, 1, texts[0] if texts else b"", Header)
    if header.format != FORMAT:
        text = f"format {header.format}; this version of aribridge reads {FORMAT}: record anew"
        raise ScriptLoadError(f"{path}:1: {text}")
    return Recording(path, header, list(_lines(path, texts)))


def _lines(path: Path, texts: list[bytes]) -> Iterator[Line]:
    for number, text in enumerate(texts[1:], 2):
        line = _decoded(path, number, text, Line)
        line.number = number
        if line.end:
            raise ScriptLoadError(f"{path}:{number}: the recording is not whole: {line.end}")
        yield line


def _decoded(path: Path, number: int, text: bytes, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ScriptLoadError(f"{path}:{number}: no line of a recording: {error}") from None
