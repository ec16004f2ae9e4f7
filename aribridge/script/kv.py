"""``bridge.kv``: what a script remembers beyond a restart, through one worker thread that keeps the event loop free."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from aribridge.script.calls import Operation
from aribridge.script.clocks import Clock
from aribridge.script.errors import CallFailure
from aribridge.script.store import LONGEST_KEY, Store

log = structlog.get_logger("aribridge.script")

Result = TypeVar("Result")


class Kv:
    """The store of all scripts, each with a namespace of its own; the file is opened when it is first needed."""

    def __init__(self, folder: Path | None, most: int, wall: Clock | None = None) -> None:
        """``folder`` None: every operation fails. ``wall`` is what times to live are counted by."""
        self._wall = wall
        self._folder = folder
        self._most = most
        self._store: Store | None = None
        self._thread = ThreadPoolExecutor(1, "kv")

    def operations(self, script: str) -> dict[str, Operation]:
        """``bridge.kv`` for one script."""
        return {
            "kv.get": partial(self._get, script),
            "kv.set": partial(self._set, script),
            "kv.incr": partial(self._incr, script),
            "kv.delete": partial(self._delete, script),
            "kv.list": partial(self._list, script),
        }

    async def close(self) -> None:
        """Finish what is being written, and close the file."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._store is not None:
            self._store.close()

    async def _get(self, script: str, key: Any) -> Any:
        return await self.do(lambda store: store.get(script, _key(key)))

    async def _set(self, script: str, key: Any, value: Any, ttl: Any) -> None:
        if value is None:
            raise CallFailure("bad_parameter", "bridge.kv.set: nil is no value; bridge.kv.delete removes one")
        await self.do(lambda store: store.set(script, _key(key), value, _ttl(ttl)))

    async def _incr(self, script: str, key: Any, by: Any, ttl: Any) -> int | float:
        if isinstance(by, bool) or not isinstance(by, int | float):
            raise CallFailure("bad_parameter", "bridge.kv.incr takes a key and a number")
        return await self.do(lambda store: store.incr(script, _key(key), by, _ttl(ttl)))

    async def _delete(self, script: str, key: Any) -> bool:
        return await self.do(lambda store: store.delete(script, _key(key)))

    async def _list(self, script: str, prefix: Any, after: Any) -> list[str]:
        if not isinstance(prefix, str) or not isinstance(after, str):
            raise CallFailure("bad_parameter", "bridge.kv.list takes the beginning of keys, and the key to go on after")
        return await self.do(lambda store: store.keys(script, prefix, after))

    def do(self, work: Callable[[Store], Result]) -> asyncio.Future[Result]:
        """Work with the store, after all that was asked for before. Raises CallFailure."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def post(self, work: Callable[[Store], Any]) -> None:
        """The same without waiting for it; the log tells of failures."""
        self._thread.submit(self._try, work)

    def _try(self, work: Callable[[Store], Any]) -> None:
        try:
            self._work(work)
        except CallFailure as failure:
            log.warning("store.failed", error=failure.detail)

    def _work(self, work: Callable[[Store], Result]) -> Result:
        try:
            self._store = self._store or self._open()
            return work(self._store)
        except (sqlite3.Error, OSError) as error:
            raise CallFailure("kv_failed", f"the store of bridge.kv failed: {error}", outcome="unknown") from None

    def _open(self) -> Store:
        if self._folder is None:
            raise CallFailure("kv_failed", "bridge.kv has no folder to keep its file in: set state in aribridge.toml")
        return Store(self._folder, self._most, self._wall or time.time)


def _key(key: Any) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        raise CallFailure("bad_parameter", f"bridge.kv: a key is a string of 1 to {LONGEST_KEY} characters")
    return key


def _ttl(ttl: Any) -> float | None:
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or ttl <= 0):
        raise CallFailure("bad_parameter", "bridge.kv: ttl is a number of seconds")
    return ttl
