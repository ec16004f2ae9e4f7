"""The Asterisks of the gateway: a target for each, taken up where the last run left it, and left for the next one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Mapping
from functools import partial
from pathlib import Path

import structlog

from aribridge.ari import Link
from aribridge.core.command import Answer, Command
from aribridge.core.instance import Instance
from aribridge.core.settings import AsteriskSettings, Settings
from aribridge.core.sweep import Sweep
from aribridge.hub import Access, Feed, Hub, Sweeper, Target, Targets
from aribridge.script import ScriptHost
from aribridge.server.continuity import Continuity
from aribridge.server.doors.asterisk import AsteriskDoor
from aribridge.server.supervise import Supervisor
from aribridge.stream import Stream

log = structlog.get_logger("aribridge.server")

_SETTLE_SECONDS = 5.0


class Asterisks:
    """Makes ``targets`` of the settings and keeps their links up."""

    def __init__(
        self,
        settings: Settings,
        targets: Targets,
        access: Access,
        scripts: ScriptHost,
        hub: Hub,
        instance: Instance,
    ) -> None:
        self._settings = settings
        self._targets = targets
        self._access = access
        self._scripts = scripts
        self._hub = hub
        self._instance = instance
        self._sweeper = Sweeper(targets, scripts.flows.owns)
        self._continuity = Continuity(Path(settings.state), settings.stream.history_seconds)

    def add_all(self) -> None:
        """Make the targets. Scripts are loaded by now."""
        for settings in self._settings.asterisk:
            self._targets.add(self._target(settings))

    def door(self) -> AsteriskDoor | None:
        """Where those dial in that open the event socket themselves; None where there are none."""
        links = [target.link for target in self._targets]
        pairs = zip(self._settings.asterisk, links, strict=True)
        outbound = [(settings, link) for settings, link in pairs if settings.link == "outbound"]
        return AsteriskDoor(outbound) if outbound else None

    def keep_up(self, supervisor: Supervisor) -> None:
        """Start all links. What the last run left is used up by that."""
        for settings, target in zip(self._settings.asterisk, self._targets, strict=True):
            self._continuity.forget(settings)
            supervisor.keep(f"feed {target.name}", target.feed.run)
            supervisor.keep(f"link {target.name}", target.link.run)
        supervisor.keep("sweeper", self._sweeper.run)

    @property
    def continued(self) -> list[str]:
        """The targets whose events the next run is going to get, as it looks now."""
        return [target.name for target in self._targets if target.link.dial_in is not None and target.ready]

    async def part(self) -> None:
        """Leave every Asterisk, once clients and calls are seen to; those that dial in so that the next run goes on."""
        pairs = zip(self._settings.asterisk, self._targets, strict=False)
        await asyncio.gather(*(self._part(settings, target) for settings, target in pairs))

    async def _part(self, settings: AsteriskSettings, target: Target) -> None:
        parting = await target.link.part()
        if parting is None:
            return
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                await target.feed.settled()
        except TimeoutError:
            log.warning("stream.not_kept", target=target.name, error="its events are not through in time")
            return
        if (stream := target.stream.save()) is not None:
            self._continuity.keep(settings, parting, stream)

    def _target(self, settings: AsteriskSettings) -> Target:
        everything = settings.events == "all"
        stream = Stream(settings.name, self._settings.stream, names=self._access.policy.names)
        kept = self._continuity.load(settings) if settings.link == "outbound" else None
        if kept is not None:
            stream.restore(kept[1], everything=everything)
        on_event = self._scripts.on_event if self._settings.scripts.files else None
        app = None if everything else settings.app

        def ask(op: str, params: Mapping[str, str]) -> Awaitable[Answer]:
            return link.call(Command(settings.name, op, params))

        def on_open() -> None:
            self._scripts.flows.resync(settings.name, settings.app)
            self._hub.owners.opened(settings.name)

        def on_lost() -> None:
            if link.standby:
                self._scripts.flows.stand_by(settings.name)

        feed = Feed(stream, on_event, ask, app, on_open, on_lost, partial(self._hub.see, settings.name))
        link = Link(settings, feed, kept and kept[0])
        sweep = Sweep(self._instance, settings.sweep_seconds or math.inf)
        return Target(settings.name, link, stream, feed, sweep)
