"""The file behind ``bridge.kv``: JSON values by script and key, in SQLite. Blocking; used in one thread at a time."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from aribridge.script.clocks import Clock
from aribridge.script.errors import CallFailure

FILE = "kv.sqlite3"
LONGEST_KEY = 256
MOST_LISTED = 1000
_PATIENCE = 5.0
"""Seconds to wait for another process that has the file locked (``aribridge kv``)."""
_LOOK_SECONDS = 0.01
_SWEEP_EVERY = 1000
_LEAST = -(2**63)
"""The least integer that Lua has."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kv (
    script TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, expires REAL, PRIMARY KEY (script, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kv_expires ON kv (expires) WHERE expires IS NOT NULL;
"""
_ALIVE = "(expires IS NULL OR expires > ?)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored value; ``expires`` in Unix seconds, None for never."""

    script: str
    key: str
    value: Any
    expires: float | None


class Store:
    """An open file. ``most`` is how many bytes of keys and values each script may keep; ``clock`` is Unix time."""

    def __init__(self, folder: Path, most: int, clock: Clock = time.time) -> None:
        """Raises OSError or sqlite3.Error when the file cannot be opened."""
        self._clock = clock
        self._most = most
        self._used: dict[str, int] = {}
        self._writes = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(folder / FILE, os.O_CREAT | os.O_RDWR, 0o600))
        # Autocommit: each operation is one statement, or says BEGIN itself.
        self._db = sqlite3.connect(folder / FILE, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            self._set_up()
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def get(self, script: str, key: str) -> Any:
        """The value, None when there is none."""
        row = self._db.execute(
            f"SELECT value FROM kv WHERE script = ? AND key = ? AND {_ALIVE}",  # noqa: S608
            (script, key, self._clock()),
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0])

    def set(self, script: str, key: str, value: Any, ttl: float | None) -> None:
        """Store a value, for ``ttl`` seconds or for ever. Raises CallFailure ``kv_full``."""
        text = msgspec.json.encode(value).decode()
        self._sweep()
        self._reserve(script, key, text)
        expires = None if ttl is None else self._clock() + ttl
        self._db.execute("INSERT OR REPLACE INTO kv VALUES (?, ?, ?, ?)", (script, key, text, expires))

    def incr(self, script: str, key: str, by: float, ttl: float | None) -> int | float:
        """Add to a number, 0 when there is none, and return the sum; ``ttl`` counts from the first time."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            row = self._row(script, key)
            value = 0 if row is None else msgspec.json.decode(row[0])
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise CallFailure("bad_value", f"bridge.kv.incr: the value of {key!r} is not a number")
            total: int | float = value + by
            if not -math.inf < total < math.inf or (isinstance(total, int) and not _LEAST <= total <= -_LEAST - 1):
                raise CallFailure("bad_value", f"bridge.kv.incr: no number holds the sum of {value} and {by}")
            text = msgspec.json.encode(total).decode()
            self._reserve(script, key, text)
            expires = row[1] if row else (None if ttl is None else self._clock() + ttl)
            self._db.execute("INSERT OR REPLACE INTO kv VALUES (?, ?, ?, ?)", (script, key, text, expires))
        return total

    def delete(self, script: str, key: str) -> bool:
        """Delete a value; whether there was one."""
        found = self._row(script, key) is not None
        self._db.execute("DELETE FROM kv WHERE script = ? AND key = ?", (script, key))
        self._used.pop(script, None)
        return found

    def delete_all(self, script: str) -> int:
        """Delete all that a script stored; how many there were."""
        self._used.pop(script, None)
        return self._db.execute("DELETE FROM kv WHERE script = ?", (script,)).rowcount

    def keys(self, script: str, prefix: str, after: str) -> list[str]:
        """The keys that begin with the prefix, in order, from behind ``after``: at most a thousand."""
        rows = self._db.execute(
            f"SELECT key FROM kv WHERE script = ? AND key > ? AND substr(key, 1, ?) = ? AND {_ALIVE}"  # noqa: S608
            " ORDER BY key LIMIT ?",
            (script, after, len(prefix), prefix, self._clock(), MOST_LISTED),
        )
        return [key for (key,) in rows]

    def entries(self, script: str | None) -> Iterator[Entry]:
        """Everything that a script stored, or that all did."""
        rows = self._db.execute(
            f"SELECT script, key, value, expires FROM kv WHERE (? IS NULL OR script = ?) AND {_ALIVE}"  # noqa: S608
            " ORDER BY script, key",
            (script, script, self._clock()),
        )
        for name, key, value, expires in rows:
            yield Entry(name, key, msgspec.json.decode(value), expires)

    def _set_up(self) -> None:
        self._keep_a_journal()
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def _keep_a_journal(self) -> None:
        """Where another process is making the same file, SQLite says at once that it is locked, and does not wait."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def _row(self, script: str, key: str) -> Any:
        return self._db.execute(
            f"SELECT value, expires FROM kv WHERE script = ? AND key = ? AND {_ALIVE}",  # noqa: S608
            (script, key, self._clock()),
        ).fetchone()

    def _reserve(self, script: str, key: str, text: str) -> None:
        """Raises CallFailure when the script has no room for this. What it replaces counts until the next look."""
        size = len(key.encode()) + len(text.encode())
        if script not in self._used or self._used[script] + size > self._most:
            self._used[script] = self._measure(script, key)
        if self._used[script] + size > self._most:
            text = (
                f"{script} keeps {self._used[script]} bytes in bridge.kv, of {self._most} (scripts.kv_mb): delete some"
            )
            raise CallFailure("kv_full", text)
        self._used[script] += size

    def _measure(self, script: str, apart_from: str) -> int:
        self._delete_expired()
        (size,) = self._db.execute(
            "SELECT TOTAL(LENGTH(CAST(key AS BLOB)) + LENGTH(CAST(value AS BLOB))) FROM kv"
            " WHERE script = ? AND key <> ?",
            (script, apart_from),
        ).fetchone()
        return int(size)

    def _sweep(self) -> None:
        self._writes += 1
        if self._writes % _SWEEP_EVERY == 0:
            self._delete_expired()

    def _delete_expired(self) -> None:
        self._db.execute("DELETE FROM kv WHERE expires <= ?", (self._clock(),))
