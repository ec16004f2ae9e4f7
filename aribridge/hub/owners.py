"""Ends what clients made, some time after they are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog

from aribridge.core.command import Command
from aribridge.core.instance import Instance
from aribridge.core.making import SNOOPS, Thing, named, things_in
from aribridge.core.ownership import Ownership
from aribridge.core.principal import Principal
from aribridge.hub import tracing
from aribridge.hub.targets import Targets
from aribridge.protocol.messages import Own
from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.hub")

_AT_ONCE = 8
_SHORTEST_PAUSE = 0.1
_AGAIN_SECONDS = 2.0
_BUSY = 503
_GONE = 404
_ENDS = {"channels": "ChannelDestroyed", "bridges": "BridgeDestroyed"}


class Owners:
    """What clients own. ``run`` is to be kept running; what is due while Asterisk is away ends when it is back."""

    def __init__(self, targets: Targets, instance: Instance) -> None:
        self._targets = targets
        self._instance = instance
        self._table = Ownership()
        self._wake = asyncio.Event()
        self._doubtful: set[Thing] = set()
        self._draining = False

    def came(self, connection: str, principal: Principal) -> None:
        """A client connected."""
        self._table.came(connection, (principal.sub, principal.tenant))

    def resume(self, connection: str, before: str) -> bool:
        """Take over what the client owned on an earlier connection; False where that is not known to be its own."""
        return self._table.resume(connection, before)

    def left(self, connection: str) -> None:
        """A connection ended."""
        if not self._draining:
            self._table.left(connection, _now())
            self._wake.set()

    def drain(self) -> None:
        """The gateway goes, and its clients with it: that is no loss of theirs, what they own stays."""
        self._draining = True

    def prepare(self, connection: str, command: Command) -> Command:
        """Give what a command makes a name, to be found by even if no answer comes.

        Raises Problem ``too_many_requests`` when the client owns as much as it may.
        """
        try:
            self._table.check_room(connection)
        except Problem:
            # With events = "app" nobody tells the end of what left the application: by the next try it is known.
            for target in self._targets:
                self.opened(target.name)
            raise
        return named(command, self._instance.fresh_name())

    def own(self, thing: Thing, connection: str, principal: Principal, grace: float) -> None:
        """The client made a thing, which is to end ``grace`` seconds after it is lost."""
        if self._targets.pick(thing.target).stream.state.is_gone(thing.kind, thing.id):
            return  # sooner than Asterisk's answer was read
        self._table.own(thing, connection, (principal.sub, principal.tenant), grace, _now())
        self._wake.set()

    def see(self, target: str, event: Mapping[str, Any]) -> None:
        """Take in an event of Asterisk's."""
        if len(self._table) == 0 or event.get("type") not in _ENDS.values():
            return
        for thing, _, _ in things_in(target, event):
            if event["type"] == _ENDS.get(thing.kind):
                self._table.ended(thing)

    def opened(self, target: str) -> None:
        """The call state of a target was read anew, or room is short: what is not in it may have ended unseen."""
        state = self._targets.pick(target).stream.state
        self._doubtful.update(thing for thing in self._table.of(target) if not state.has(thing.kind, thing.id))
        self._wake.set()

    async def run(self) -> None:
        """End what is due, for ever."""
        while True:
            await self._wait()
            doubtful, self._doubtful = self._doubtful, set()
            await _each(self._look, doubtful)
            await _each(self._end, self._table.due(_now()))

    async def _wait(self) -> None:
        due = self._table.next_due
        seconds = None if due is None else max(_SHORTEST_PAUSE, due - _now())
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _look(self, thing: Thing) -> None:
        if await self._ask(thing.reading) == _GONE:
            self._table.ended(thing)

    async def _end(self, thing: Thing) -> None:
        if not self._table.is_due(thing, _now()):
            return
        status = await self._ask(thing.ending)
        if status is None or status == _BUSY:
            self._table.postpone(thing, _now() + _AGAIN_SECONDS)
            return
        log.info("owned.ended", target=thing.target, kind=thing.kind, id=thing.id, status=status)
        self._table.ended(thing)

    async def _ask(self, command: Command) -> int | None:
        """The status of Asterisk's answer, None when there was none."""
        try:
            return (await tracing.call(self._targets.pick(command.target), command, tracing.GATEWAY)).status
        except Problem:
            return None


def grace_of(own: Own | None, op: str) -> float | None:
    """How many seconds after its maker is lost ends what the operation makes; None for never."""
    own = own or Own()
    on_loss = own.on_loss or ("hangup" if op in SNOOPS else "keep")
    return own.grace_ms / 1000 if on_loss == "hangup" else None


async def _each(work: Callable[[Thing], Awaitable[None]], things: Iterable[Thing]) -> None:
    """Do it for each, a few at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(thing: Thing) -> None:
        async with room:
            await work(thing)

    async with asyncio.TaskGroup() as group:
        for thing in things:
            group.create_task(one(thing))


def _now() -> float:
    return asyncio.get_running_loop().time()
