"""From one run of the gateway to the next: each stream is written down at a planned stop, and gone on with."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from aribridge.ari import Parting
from aribridge.core.settings import AsteriskSettings
from aribridge.stream import Saved

log = structlog.get_logger("aribridge.server")

FORMAT = 1
"""Raised with every change of what is written: a file of another format is not read."""
FOLDER = "streams"


class _Format(msgspec.Struct):
    format: int


class Kept(msgspec.Struct, frozen=True):
    """A stream with how its Asterisk was left: which one, by what settings, and when (Unix seconds)."""

    format: int
    at: float
    url: str
    app: str
    events: str
    parting: Parting
    stream: Saved


class Continuity:
    """The files, one for each target, for the gateway's user alone, not used when older than ``most_seconds``."""

    def __init__(self, state: Path, most_seconds: float) -> None:
        self._folder = state / FOLDER
        self._most_seconds = most_seconds

    def load(self, settings: AsteriskSettings) -> tuple[Parting, Saved] | None:
        """What the last run left of a target, aged as it has; None where there is nothing to go on with."""
        try:
            data = self._file(settings).read_bytes()
            version = msgspec.msgpack.decode(data, type=_Format).format
            kept = msgspec.msgpack.decode(data, type=Kept) if version == FORMAT else None
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            log.warning("stream.not_loaded", target=settings.name, error=str(error))
            return None
        age = max(0.0, time.time() - kept.at) if kept else 0.0
        if kept is None or age > self._most_seconds or not _is_of(kept, settings):
            log.info("stream.not_continued", target=settings.name, format=version, seconds=round(age, 1))
            return None
        return kept.parting, kept.stream.aged(age)

    def forget(self, settings: AsteriskSettings) -> None:
        """Remove the file: what is in it counts once."""
        self._file(settings).unlink(missing_ok=True)

    def keep(self, settings: AsteriskSettings, parting: Parting, stream: Saved) -> None:
        """Write a stream down. What keeps it from that is logged: then the next run begins anew."""
        kept = Kept(FORMAT, time.time(), settings.url, settings.app, settings.events, parting, stream)
        file = self._file(settings)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(msgspec.msgpack.encode(kept))
        except OSError as error:
            with suppress(OSError):
                file.unlink(missing_ok=True)
            log.warning("stream.not_kept", target=settings.name, error=str(error))
        else:
            log.info("stream.kept", target=settings.name, events=len(stream.entries), epoch=stream.epoch)

    def _file(self, settings: AsteriskSettings) -> Path:
        return self._folder / f"{settings.name}.stream"


def _is_of(kept: Kept, settings: AsteriskSettings) -> bool:
    return (kept.url, kept.app, kept.events) == (settings.url, settings.app, settings.events)
