"""The file of the audit log: appended to, put aside each day and at a size, removed after some days."""

from __future__ import annotations

import errno
import os
import re
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import structlog

log = structlog.get_logger("aribridge.audit")

_DAY_SECONDS = 86_400
_ASIDE = "%Y%m%dT%H%M%S.%fZ"
_STAMP = r"-\d{8}T\d{6}\.\d{6}Z"
# Without waiting: a pipe would be open once somebody reads there.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class AuditFile:
    """``path`` is the present file; earlier ones stand beside it, with the time of their end in their names.

    Not for the event loop: everything here may wait for the disk.
    """

    def __init__(self, path: Path, file_bytes: int, total_bytes: int, days: int) -> None:
        self.path = path
        self._file_bytes = file_bytes
        self._total_bytes = total_bytes
        self._days = days
        self._descriptor: int | None = None
        self._day = date.min

    def open(self) -> None:
        """Make the folder, if it is not there, and the file. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, _FLAGS, 0o600)
        status = os.fstat(self._descriptor)
        self._day = _day(status.st_mtime) if status.st_size else _today()
        self._remove_old()

    def write(self, lines: bytes) -> None:
        """Append whole lines. Raises OSError: none of them is in the file then."""
        self.tidy()
        descriptor = self._current()
        size = os.fstat(descriptor).st_size
        if size and size + len(lines) > self._file_bytes:
            self._put_aside()
            self._remove_old()
            descriptor, size = self._current(), 0
        try:
            written = os.write(descriptor, lines)
            if written < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):  # half a line must not stay, whatever the disk says to that
                os.ftruncate(descriptor, size)
            raise

    def tidy(self) -> None:
        """On a new day put the file aside, and remove what is too old. Raises OSError."""
        if self._day == _today():
            return
        if os.fstat(self._current()).st_size:
            self._put_aside()
        self._remove_old()
        self._day = _today()

    def close(self) -> None:
        """Close it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _current(self) -> int:
        """The file under its name: somebody may have moved or removed the one that is open. Raises OSError."""
        if self._descriptor is not None and not _is(self.path, self._descriptor):
            self.close()
        if self._descriptor is None:
            self._descriptor = os.open(self.path, _FLAGS, 0o600)
        return self._descriptor

    def _put_aside(self) -> None:
        stamp = datetime.now(UTC).strftime(_ASIDE)
        self.path.rename(self.path.with_name(f"{self.path.stem}-{stamp}{self.path.suffix}"))
        self.close()

    def _remove_old(self) -> None:
        """Remove what is older than it is to be kept, and the oldest of what is too much altogether."""
        limit = time.time() - self._days * _DAY_SECONDS
        room = self._total_bytes - self._file_bytes
        for file in sorted(self._earlier(), reverse=True):
            status = file.stat()
            room -= status.st_size
            if status.st_mtime < limit:
                file.unlink()
            elif room < 0:
                file.unlink()
                log.warning("audit.cut", file=str(file), remedy="raise audit.total_mb, or lower audit.days")

    def _earlier(self) -> list[Path]:
        name = re.compile(re.escape(self.path.stem) + _STAMP + re.escape(self.path.suffix))
        return [file for file in self.path.parent.iterdir() if name.fullmatch(file.name)]


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _day(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def _today() -> date:
    return datetime.now(UTC).date()
