"""The events that a script pushes to one session's client, with the session descriptions that go with them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from aribridge.janus.errors import JanusError
from aribridge.janus.jsep import Jsep
from aribridge.janus.plugin import HandleContext
from aribridge.janus.plugins.lua.sdp import has_data
from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.janus")

MAX_WAITING = 1000


@dataclass(frozen=True, slots=True)
class _Event:
    transaction: str | None
    data: Mapping[str, Any]
    jsep: Mapping[str, Any] | None


class Events:
    """Sends events in the order of their pushing.

    ``answer`` is the gateway's own answer to the client's last offer: the one that goes out when the script answers.
    """

    def __init__(self, context: HandleContext) -> None:
        self.answer: Jsep | None = None
        self._context = context
        self._held_for: str | None = None
        self._waiting: deque[_Event] = deque()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def after(self, transaction: str) -> Iterator[None]:
        """Hold back the events of a message's own transaction until its reply is sent."""
        self._held_for = transaction
        try:
            yield
        finally:
            self._held_for = None
            # The reply is written in the same step as this ends; a task begins in the next one.
            self._send_waiting()

    def push(self, transaction: str | None, data: Mapping[str, Any], jsep: Mapping[str, Any] | None) -> None:
        """Send an event, in its turn."""
        if len(self._waiting) >= MAX_WAITING:
            log.warning("events.dropped", handle=self._context.id, waiting=MAX_WAITING)
            return
        event = _Event(transaction, data, jsep)
        if not self._waiting and self._task is None and jsep is None and not self._held(event):
            self._context.push(data, transaction=transaction)
            return
        self._waiting.append(event)
        self._send_waiting()

    def close(self) -> None:
        """Send nothing any more."""
        self._waiting.clear()

    def _held(self, event: _Event) -> bool:
        return event.transaction is not None and event.transaction == self._held_for

    def _send_waiting(self) -> None:
        if self._waiting and self._task is None and not self._held(self._waiting[0]):
            self._task = self._context.spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting and not self._held(self._waiting[0]):
                event = self._waiting.popleft()
                jsep = None if event.jsep is None else await self._described(event.jsep)
                self._context.push(event.data, jsep=jsep, transaction=event.transaction)
        finally:
            self._task = None
            self._send_waiting()

    async def _described(self, wanted: Mapping[str, Any]) -> Jsep | None:
        """The gateway's description in place of the script's; None, and why in the log, where there can be none."""
        if not has_data(wanted["sdp"]):
            # Nothing else could be negotiated: audio and video are not carried.
            await self._context.hang_up("Close PC")
            self._left_out(wanted, "the script's description has no data channel, and nothing else is carried")
            return None
        if wanted["type"] == "offer":
            return await self._offer(wanted)
        answer, self.answer = self.answer, None
        if answer is None:
            self._left_out(wanted, "no offer of the client's waits for an answer")
        return answer

    async def _offer(self, wanted: Mapping[str, Any]) -> Jsep | None:
        try:
            return await self._context.offer()
        except (JanusError, Problem) as error:
            self._left_out(wanted, str(error))
            return None

    def _left_out(self, wanted: Mapping[str, Any], why: str) -> None:
        log.warning("jsep.left_out", handle=self._context.id, type=str(wanted["type"])[:20], reason=why)
