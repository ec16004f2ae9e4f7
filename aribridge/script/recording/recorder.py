"""Tapes: what goes between Asterisk and a script, as lines of JSON. docs/lua.md describes the format."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from aribridge import __version__
from aribridge.core.command import Command
from aribridge.core.events import labels_of
from aribridge.core.trace_text import channels_in
from aribridge.obs.redact import redact
from aribridge.protocol.problems import Problem
from aribridge.script.recording.masks import masked_body, masked_event, masked_params

FORMAT = 1
MOST_WAITING = 10_000
"""Lines that nobody has read yet; one more ends the tape."""


class Tape:
    """One recording of one script.

    ``everything``: the script sees all events; else those of its calls are kept. ``apart_from`` are ids of flows and
    channels that were there before: half a call is no use.
    """

    def __init__(self, script: str, *, everything: bool, apart_from: Collection[str]) -> None:
        self.script = script
        self._everything = everything
        self._apart_from = apart_from
        self._channels: set[str] = set()
        self._numbers = itertools.count(1)
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._lines: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._over = False
        recorded = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._put({"format": FORMAT, "script": script, "recorded": recorded, "aribridge": __version__})

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines, as they come."""
        while self._lines or not self._over:
            while self._lines:
                yield self._lines.popleft()
            self._more.clear()
            if not self._over:
                await self._more.wait()

    def end(self) -> None:
        """Write nothing more."""
        self._over = True
        self._more.set()

    def own(self, channel: str) -> None:
        """The script has this call."""
        self._channels.add(channel)

    def event(self, target: str, event: Mapping[str, Any]) -> None:
        """Asterisk sent an event."""
        if self._everything or not self._channels.isdisjoint(labels_of(event).channel):
            self._write({"target": target, "event": masked_event(event)})

    def command(self, target: str | None, op: str, params: Mapping[str, Any]) -> int:
        """The script sent a command; its number, 0 if it is left out."""
        if self._apart_from and any(word in str(value) for value in params.values() for word in self._apart_from):
            return 0
        number = next(self._numbers)
        self._channels.update(channels_in(Command(target or "", op, params)))
        self._write({"target": target, "command": number, "op": redact(op), "params": masked_params(op, params)})
        return number

    def answer(self, number: int, op: str, body: Any) -> None:
        """Asterisk carried a command out."""
        if number:
            self._write({"answer": number, "body": masked_body(op, body)})

    def refusal(self, number: int, problem: Problem) -> None:
        """A command failed."""
        if number:
            fields = {"status": problem.status, "code": problem.code, "detail": problem.detail}
            error = {**fields, "source": problem.source, "outcome": problem.outcome}
            self._write({"answer": number, "error": masked_body("", error)})

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._over:
            return
        if len(self._lines) >= MOST_WAITING:
            self._lines.pop()
            self._over = True
            line = {"end": "lines came faster than they were read"}
        fields = {name: value for name, value in line.items() if value is not None or name == "body"}
        self._put({"at": round(self._clock() - self._began, 4), **fields})

    def _put(self, line: Mapping[str, Any]) -> None:
        self._lines.append(msgspec.json.encode(line) + b"\n")
        self._more.set()


class Recorder:
    """The tapes that run."""

    def __init__(self) -> None:
        self._tapes: list[Tape] = []

    def of(self, script: str) -> list[Tape]:
        """The tapes of a script."""
        return [tape for tape in self._tapes if tape.script == script] if self._tapes else self._tapes

    @contextmanager
    def run(self, tape: Tape) -> Iterator[None]:
        """Keep a tape running."""
        self._tapes.append(tape)
        try:
            yield
        finally:
            self._tapes.remove(tape)

    def event(self, target: str, event: Mapping[str, Any]) -> None:
        """Asterisk sent an event."""
        for tape in self._tapes:
            tape.event(target, event)

    def end(self) -> None:
        """End every tape."""
        for tape in self._tapes:
            tape.end()
