"""Calls that flows of the gateway's last run left behind, after a stop or a crash."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from aribridge.core.instance import NAMED
from aribridge.protocol.problems import Problem
from aribridge.script.errors import CallFailure
from aribridge.script.flows.dialplan import attempt, fall_back
from aribridge.script.flows.ledger import Ledger
from aribridge.script.flows.memory import Memory, Record
from aribridge.script.host import Asterisks

log = structlog.get_logger("aribridge.script")

_TALK_SECONDS = 2.0
_PARTINGS = frozenset({"ChannelLeftBridge", "ChannelDestroyed"})

Resume = Callable[[str, Record, Mapping[str, Any]], bool]
"""Goes on with the call of a flow: its id, its record, the channel; False when its script has no ``on_resume``."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The channels of an Asterisk by id, and the members of its bridges."""

    channels: Mapping[str, Mapping[str, Any]]
    bridges: list[set[str]]

    def talking(self) -> set[str]:
        """The channels in bridges of two parties or more: they are never touched."""
        return set().union(*(members for members in self.bridges if len(members) > 1))

    def of_nobody(self, app: str) -> set[str]:
        """The channels in the application that are in no bridge, apart from those that the gateway made."""
        inside = {ident for ident, channel in self.channels.items() if _runs(channel, app) and NAMED not in ident}
        return inside.difference(*self.bridges)


class Earlier:
    """Goes on with what flows of the last run left on each Asterisk, once it is reached; see docs/flows.md.

    ``leave`` is told of the target and channel of each call in the application that nobody is known to own.
    """

    def __init__(
        self,
        asterisks: Asterisks,
        memory: Memory,
        on_failure: str,
        resume: Resume,
        leave: Callable[[str, str], None],
    ) -> None:
        self._asterisks = asterisks
        self._memory = memory
        self._on_failure = on_failure
        self._resume = resume
        self._leave = leave
        self._left: dict[str, dict[str, Record]] = {}
        self._found: set[str] = set()
        self._came: defaultdict[str, set[str]] = defaultdict(set)
        self._forgotten: Counter[str] = Counter()

    async def find(
        self,
        target: str,
        app: str,
        reading: Awaitable[dict[str, Record]],
        present: Collection[str] = (),
    ) -> None:
        """Settle what was left on an Asterisk; ``reading`` counts the first time, without ``present`` flows."""
        times = self._forgotten[target]
        try:
            read = await reading
            if times == self._forgotten[target]:
                self._left.setdefault(target, {flow: read[flow] for flow in read if flow not in present})
            scene = await look(self._asterisks, target)
        except (Problem, CallFailure) as problem:
            log.warning("flow.not_resumed", target=target, error=problem.detail)
            return
        if times != self._forgotten[target]:
            return  # another gateway has this Asterisk's calls by now
        left = self._left[target]
        if target not in self._found:
            self._found.add(target)
            known = {channel for record in left.values() for channel in record.channels()}
            for channel in scene.of_nobody(app) - known - self._came.pop(target, set()):
                self._leave(target, channel)
        await self._settle(target, scene)

    def came(self, target: str, channel: str) -> None:
        """A call came that was not there at the start: whose it is was settled as it came."""
        if target not in self._found:
            self._came[target].add(channel)

    def went(self, target: str, channel: str) -> None:
        """A channel has left."""
        self._came[target].discard(channel)

    def leave_be(self, target: str) -> None:
        """What is in an Asterisk now is the clients', whatever scripts take later."""
        self._found.add(target)
        self._came.pop(target, None)

    def forget(self, target: str) -> None:
        """Begin anew with an Asterisk: whatever is found in it at the next look was left behind."""
        self._left.pop(target, None)
        self._found.discard(target)
        self._came.pop(target, None)
        self._forgotten[target] += 1

    def left(self, target: str) -> Collection[str]:
        """The flows whose calls wait to be gone on with."""
        return self._left.get(target, {}).keys()

    def parted(self, target: str, event: Mapping[str, Any]) -> bool:
        """Whether an event means that one of those that were left talking may be alone now: ``settle`` then."""
        left = self._left.get(target)
        if not left or event.get("type") not in _PARTINGS:
            return False
        bridge = event.get("bridge") or {}
        about = {event["channel"]["id"], *bridge.get("channels", ())}
        return any(about & record.channels() for record in left.values())

    async def settle(self, target: str) -> None:
        """Look again who is alone, and go on with their calls."""
        try:
            await self._settle(target, await look(self._asterisks, target))
        except Problem as problem:
            log.warning("flow.not_resumed", target=target, error=problem.detail)

    async def _settle(self, target: str, scene: Scene) -> None:
        left, talking = self._left.get(target, {}), scene.talking()
        alone = [flow for flow, record in left.items() if talking.isdisjoint(record.channels())]
        # Taken out before anything waits: two looks must not go on with the same call.
        records = [(flow, left.pop(flow)) for flow in alone]
        await asyncio.gather(*(self._take_up(flow, record, scene) for flow, record in records))

    async def _take_up(self, flow: str, record: Record, scene: Scene) -> None:
        channel = scene.channels.get(record.channel)
        if channel is not None:
            await self._part(record)
        ledger = Ledger(partial(self._asterisks.call, record.target), record.made)
        await ledger.remove_all(apart_from="moh")
        if channel is not None and self._resume(flow, record, channel):
            return
        await ledger.remove_all()
        if channel is not None:
            log.warning("flow.not_resumed", target=record.target, channel=record.channel, script=record.script)
            await fall_back(self._asterisks, record.target, record.channel, "error", self._on_failure)
        self._memory.forget(flow)

    async def _part(self, record: Record) -> None:
        """Take the caller out of the flow's bridges: at their end Asterisk is not done with that when it answers."""
        for bridge in (ident for kind, ident in record.made if kind == "bridge"):
            await attempt(
                self._asterisks, record.target, "bridges.removeChannel", bridgeId=bridge, channel=record.channel
            )


async def look(asterisks: Asterisks, target: str) -> Scene:
    """The channels and bridges of an Asterisk as they are now. Raises Problem."""
    channels = await asterisks.call(target, "channels.list", {})
    bridges = await asterisks.call(target, "bridges.list", {})
    return Scene({channel["id"]: channel for channel in channels}, [set(bridge["channels"]) for bridge in bridges])


async def who_talks(asterisks: Asterisks, target: str) -> set[str]:
    """The channels in bridges of two parties or more; none when Asterisk does not say so soon."""
    try:
        async with asyncio.timeout(_TALK_SECONDS):
            return (await look(asterisks, target)).talking()
    except (Problem, TimeoutError):
        return set()


def _runs(channel: Mapping[str, Any], app: str) -> bool:
    dialplan = channel.get("dialplan") or {}
    return dialplan.get("app_name") == "Stasis" and str(dialplan.get("app_data")).split(",")[0] == app
