"""Where the log goes out: a pipe, a socket, a terminal or a file, written so that nobody waits for it.

Whoever reads the log may stop to: journald whose disk hangs, a terminal after Ctrl-S. A plain write would hold up the
event loop then, and with it every client, until somebody reads again.
"""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from queue import SimpleQueue

import structlog

from aribridge.obs import metrics

log = structlog.get_logger("aribridge.log")

MOST_WAITING = 8 << 20
"""Bytes that wait for a reader; lines that come besides are counted and lost."""
STOP_SECONDS = 2.0
_AT_ONCE = select.PIPE_BUF
"""What a pipe, or the like, takes without waiting where it says that it takes something."""
_PAUSE_SECONDS = 0.05


class Outlet:
    """A stream of text over a descriptor: writes at once what that takes at once, and has a thread write the rest."""

    def __init__(self, descriptor: int, most_waiting: int = MOST_WAITING) -> None:
        self._descriptor = descriptor
        self._most_waiting = most_waiting
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._changed = threading.Condition()
        self._waiting = self._lost = 0
        self._thread: threading.Thread | None = None

    def isatty(self) -> bool:
        """Whether people read it."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> None:
        """Take whole lines; never waits. They are lost where too much waits already, or nobody can read any more."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if not self._waiting:
                data = self._write_now(data)
            if not data:
                return
            if self._waiting + len(data) > self._most_waiting:
                self._lose()
                return
            self._waiting += len(data)
            self._queue.put(data)
            self._start()

    def flush(self) -> None:
        """Nothing is held back."""

    def drain(self, seconds: float = STOP_SECONDS) -> None:
        """Wait until all of it is written, at most for some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, seconds)

    def _write_now(self, data: bytes) -> bytes:
        """Write what is taken without waiting; return the rest."""
        try:
            while data and self._poll.poll(0):
                data = data[os.write(self._descriptor, data[:_AT_ONCE]) :]
        except BlockingIOError:  # somebody who has the same pipe made it so
            pass
        except OSError:
            self._lose()
            return b""
        return data

    def _lose(self) -> None:
        self._lost += 1
        metrics.log_lost_total.inc()

    def _start(self) -> None:
        if self._thread is None:
            # Daemon: a reader that hangs must not keep the process from its end.
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            data = self._queue.get()
            is_written = self._write_patiently(data)
            with self._changed:
                self._waiting -= len(data)
                if not is_written:
                    self._lose()
                lost = 0 if self._waiting else self._lost
                self._lost -= lost
                self._changed.notify_all()
            if lost:
                log.warning("log.lost", lines=lost)

    def _write_patiently(self, data: bytes) -> bool:
        """Write all of it, however long that takes; False where nobody can read any more."""
        with suppress(OSError):
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:
                    time.sleep(_PAUSE_SECONDS)
        return not data
