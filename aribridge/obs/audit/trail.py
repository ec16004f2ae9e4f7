"""Brings lines from the event loop to the file: a bounded queue, and the thread that alone touches the disk."""

from __future__ import annotations

import json
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import msgspec
import structlog

from aribridge.obs import metrics
from aribridge.obs.audit.file import AuditFile
from aribridge.obs.audit.folds import Folds
from aribridge.obs.redact import redact

log = structlog.get_logger("aribridge.audit")

MOST_WAITING = 10_000
"""Lines that wait for the disk; what comes besides is counted and lost."""
AGAIN_SECONDS = 1.0
STOP_SECONDS = 5.0
_TIDY_SECONDS = 3600.0
_AT_ONCE = 500

_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written, and what it is like (``fold``), if one line a minute of that is enough."""

    fields: dict[str, Any]
    fold: Hashable = None
    at: float = field(default_factory=time.time)


class Trail:
    """Writes entries in their order. ``fault`` says why it cannot at the moment."""

    def __init__(self, file: AuditFile) -> None:
        self.fault: str | None = None
        self.file = file
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._folds = Folds()
        self._stopping = Event()
        # The event loop counts in the one, the thread in the other: no lock is needed.
        self._lost = self._told = 0
        # Daemon: a disk that hangs must not keep the process from its end.
        self._thread = Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Open the file, and start the thread."""
        try:
            self.file.open()
        except OSError as error:
            self._failed(error)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Take an entry, or count it as lost when too many wait."""
        if self._queue.qsize() >= MOST_WAITING:
            self._lost += 1
            metrics.audit_lost_total.inc()
        else:
            self._queue.put(entry)

    def stop(self) -> None:
        """Have the rest written; what is not in a few seconds is lost, and logged so."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.error("audit.not_ended", lost=self._queue.qsize(), file=str(self.file.path))

    def _run(self) -> None:
        while (entries := self._take()) is not None:
            try:
                self._write(self._lines(entries))
            except Exception:  # what is wrong with one line must not be the end of all others
                metrics.audit_lost_total.inc(len(entries))
                log.exception("audit.line_failed", lost=len(entries))
        self._write([_line(time.time(), fields) for fields in self._folds.due(float("inf"))])
        self.file.close()

    def _take(self) -> list[Entry] | None:
        """Wait for entries; none where it is time to look at the clock, None at the end."""
        try:
            entry = self._queue.get(timeout=AGAIN_SECONDS if self._folds else _TIDY_SECONDS)
        except Empty:
            return []
        entries: list[Entry] = []
        while entry is not None:
            entries.append(entry)
            if len(entries) >= _AT_ONCE or self._queue.empty():
                return entries
            entry = self._queue.get()
        self._queue.put(None)  # for the next look, after what came before it
        return entries or None

    def _lines(self, entries: list[Entry]) -> list[bytes]:
        lines = list(self._told_of(entries))
        now = time.monotonic()
        lines += [_line(time.time(), fields) for fields in self._folds.due(now)]
        if lost := self._lost - self._told:
            self._told += lost
            lines.append(_line(time.time(), {"kind": "lost", "lines": lost}))
        return lines

    def _told_of(self, entries: list[Entry]) -> Iterator[bytes]:
        now = time.monotonic()
        for entry in entries:
            if entry.fold is None or self._folds.is_first(entry.fold, entry.fields, now):
                yield _line(entry.at, entry.fields)

    def _write(self, lines: list[bytes]) -> None:
        """Write, again and again while that fails, until it is time to stop."""
        text = b"".join(lines)
        while not self._is_written(text):
            if self._stopping.wait(AGAIN_SECONDS):
                if not self._is_written(text):
                    metrics.audit_lost_total.inc(len(lines))
                    log.error("audit.lost", lines=len(lines), file=str(self.file.path))
                return

    def _is_written(self, text: bytes) -> bool:
        try:
            self.file.write(text) if text else self.file.tidy()
        except OSError as error:
            self._failed(error)
            return not text
        if text and self.fault is not None:
            log.warning("audit.written_again", file=str(self.file.path))
            self.fault = None
        return True

    def _failed(self, error: OSError) -> None:
        metrics.audit_failures_total.inc()
        if self.fault is None:
            remedy = "calls go on; make room, or mend folder and rights: lines wait until then, the first 10000"
            log.error("audit.failed", file=str(self.file.path), error=error.strerror or str(error), remedy=remedy)
        self.fault = f"{self.file.path}: {error.strerror or error}"


def _line(at: float, fields: dict[str, Any]) -> bytes:
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    present = {name: value for name, value in fields.items() if value not in (None, "", (), [], {})}
    line = {"time": stamp, **redact(present)}
    try:
        return _encode(line) + b"\n"
    except UnicodeEncodeError:  # halves of surrogate pairs, which clients' JSON can carry
        return f"{json.dumps(line, default=str)}\n".encode()
