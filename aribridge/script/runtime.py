"""One Lua interpreter: the only module that knows lupa.

Lua 5.4, for its integers, its count hooks that fire in every loop, and its pcall that yields. Python and Lua exchange
nothing but scalars: no Python object is ever reachable from Lua, so there is nothing to break out through, and no Lua
object is held by Python.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import lupa.lua54 as lupa

from aribridge.script.clocks import Clock
from aribridge.script.errors import ScriptFailure
from aribridge.script.stock import lua_folder
from aribridge.script.values import Token, ValueNotJsonError, decode, decode_rest, encode

_HOST_FILES = ("values", "budget", "patterns", "sandbox", "event_types", "runner", "hooks", "modules")
_FLOW_FILES = ("call", "media", "control", "legs", "dial", "transfer")
_BUILT_IN_MODULES = ("bridge", "ari", "task")

_ROOM = 1 << 20
"""Memory that must be free when Lua is entered: what lupa itself allocates there is outside of any protected call, and
an allocation that fails outside of one aborts the process."""

_GROWTH = 16 << 20
"""Most memory that one entry may add: single operations on strings larger than that would hold the event loop."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far an entry got: ``done`` with its result, or ``wait`` with an operation and its arguments."""

    number: int
    state: Literal["done", "wait"]
    value: Any


class Runtime:
    """An interpreter with the gateway's Lua side loaded, bounded in memory and CPU time.

    ``outbox`` is handed everything that the script asked for without waiting, such as ``["log", "info", "text", {}]``.
    ``wall`` tells the time of day in Unix seconds, if it is not the machine's.
    """

    encoding: str | None = "UTF-8"
    """Of strings that cross; None: they cross as bytes."""

    def __init__(
        self,
        *,
        memory_bytes: int,
        budget_seconds: float,
        outbox: Callable[[list[Any]], None],
        wall: Clock | None = None,
    ) -> None:
        self._memory_bytes = memory_bytes
        self._wall = wall
        self._outbox = outbox
        self._numbers = itertools.count(1)
        self._lua = lupa.LuaRuntime(
            encoding=self.encoding,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_deny,
            overflow_handler=float,
            max_memory=0,  # none for now, but counted from the start
        )
        host = self._lua.table()
        host.budget_seconds = budget_seconds
        self._load_host(host)
        if wall is not None:
            self._load_file(lua_folder() / "host" / "wall.lua", host)
            self._set_time = host.set_time
        self._stage, self._forget = host.stage, host.forget
        self._start, self._resume, self._stop = host.start, host.resume, host.stop

    def _load_host(self, host: Any) -> None:
        folder = lua_folder()
        for name in _HOST_FILES:
            self._load_file(folder / "host" / f"{name}.lua", host)
        for name in _BUILT_IN_MODULES:
            self._load_module(name, folder / "lib" / f"{name}.lua", host)
        for name in _FLOW_FILES:
            self._load_file(folder / "flow" / f"{name}.lua", host)

    def _load_module(self, name: str, path: Any, host: Any) -> None:
        host.loaded[name.encode()] = self._load_file(path, host)

    def _load_file(self, path: Any, host: Any) -> Any:
        return self._lua.execute(path.read_text("utf-8"), host, name="=aribridge", mode="t")

    @property
    def memory_used(self) -> int:
        """Bytes that the interpreter holds."""
        return int(self._lua.get_memory_used())

    def start(self, entry: str, *arguments: Any) -> Step:
        """Enter the script. Raises ScriptFailure, ValueNotJsonError."""
        number = next(self._numbers)
        return self._enter(number, self._start, arguments, entry)

    def resume(self, number: int, ok: bool, value: Any) -> Step:
        """Give a waiting entry what it waits for. Raises ScriptFailure, ValueNotJsonError."""
        return self._enter(number, self._resume, (ok, value))

    def stop(self, number: int) -> str | None:
        """End an entry if it is not over; where in the script it stood, if that can be told."""
        try:
            where: str | None = self._call(number, self._stop).value
        except lupa.LuaMemoryError:
            return None
        return where

    def forget(self, client_id: str) -> None:
        """Drop what the script's side keeps for a client that is gone."""
        self._forget(client_id)

    def _enter(self, number: int, function: Any, arguments: tuple[Any, ...], *scalars: str) -> Step:
        tokens = encode(*arguments)
        if self._wall is not None:
            self._set_time(self._wall())
        began = time.perf_counter()
        try:
            self._make_room()
            self._stage_tokens(tokens)
            return self._call_within_memory(number, function, *scalars)
        except ScriptFailure as failure:
            failure.seconds = time.perf_counter() - began
            raise

    def _call_within_memory(self, number: int, function: Any, *scalars: str) -> Step:
        try:
            return self._call(number, function, *scalars)
        except lupa.LuaMemoryError:
            self.stop(number)
            raise _out_of_memory() from None

    def _call(self, number: int, function: Any, *scalars: str) -> Step:
        # What was staged is bounded by its own size; from here to the return, what is allocated is the script's doing.
        used = self._lua.get_memory_used()
        self._lua.set_max_memory(max(min(self._memory_bytes, used + _GROWTH), used + _ROOM))
        try:
            row = iter(function(number, *scalars))
        finally:
            self._lua.set_max_memory(0)
        return self._read(number, row)

    def _stage_tokens(self, tokens: list[Token]) -> None:
        try:
            self._stage(*tokens)
        except UnicodeEncodeError:
            # Half a surrogate pair is no text: Lua gets a question mark in its place.
            self._stage(*(t.encode("utf-8", "replace").decode() if isinstance(t, str) else t for t in tokens))
        except OverflowError:
            raise ValueNotJsonError("a number is too large for Lua") from None

    def _make_room(self) -> None:
        limit = self._memory_bytes - _ROOM
        if self._lua.get_memory_used() > limit:
            self._lua.gccollect()
        if self._lua.get_memory_used() > limit:
            raise ScriptFailure(
                "the script keeps all the memory that scripts.memory_mb allows: find what it collects and never drops,"
                " mend it and load the scripts anew",
                ran_out="memory",
            )

    def _read(self, number: int, row: Iterator[Any]) -> Step:
        state = next(row)
        value = decode(row)
        for effect in decode_rest(row):
            self._outbox(effect)
        if state == "failed":
            raise ScriptFailure.from_lua(value)
        return Step(number, state, value)


def _out_of_memory() -> ScriptFailure:
    return ScriptFailure("took more memory than scripts.memory_mb allows, or too much of it at once", ran_out="memory")


def _deny(*_: Any) -> str:
    raise AttributeError("no Python object is available to scripts")
