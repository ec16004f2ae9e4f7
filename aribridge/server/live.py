"""A real Asterisk behind tests of scripts: `aribridge script test --asterisk`."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import msgspec
import structlog

from aribridge.ari import Link, application_is_free, body_of
from aribridge.core.command import Command
from aribridge.core.events import subjects
from aribridge.core.settings import AsteriskSettings
from aribridge.protocol.problems import Problem
from aribridge.script.clocks import REAL
from aribridge.script.errors import CallFailure
from aribridge.script.testing import Sink, StageError, Surroundings

log = structlog.get_logger("aribridge.server")

_UP_SECONDS = 15.0
_QUIET_SECONDS = 0.1
"""Without an event or a command, after which a script is taken to be at rest."""
_LONGEST_SECONDS = 3.0
_LOOK_SECONDS = 0.02
_PHONES = "aribridge-phone"
"""How the ids of a test's own halves of its calls begin."""


class LiveAsterisk:
    """ARI for a script, and phones: halves of Local channels, whose other halves run the dialplan like any caller."""

    def __init__(self, settings: AsteriskSettings, sink: Sink) -> None:
        self.clocks = REAL
        self.link = Link(settings, self)
        self.is_up = asyncio.Event()
        self._target = settings.name
        self._sink = sink
        self._phones: dict[str, str] = {}
        self._prefix = f"{_PHONES}-{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._loop = asyncio.get_running_loop()
        self._busy = 0
        self._last = self._loop.time()

    @property
    def behind(self) -> LiveAsterisk:
        """This."""
        return self

    async def settle(self) -> None:
        """Return when nothing happens; in a few seconds at most."""
        started = self._loop.time()
        while self._loop.time() - started < _LONGEST_SECONDS:
            if not self._busy and self._loop.time() - self._last >= _QUIET_SECONDS:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def set_wall(self, seconds: float) -> None:
        """The time of day is the real one. Raises CallFailure."""
        raise CallFailure(
            "bad_parameter", "against a real Asterisk the time of day is the real one: no T.time, T.replay"
        )

    # --- what the link tells

    def event(self, text: str) -> None:
        """Hand an event on, unless it is about a phone of the test's alone."""
        event = msgspec.json.decode(text)
        self._last = self._loop.time()
        about = set(subjects(event))
        if not about or not about <= self._phones.keys():
            self._sink(self._target, event)

    def up(self, *, continued: bool) -> None:
        """Events flow."""
        self.is_up.set()

    def lost(self, reason: str) -> None:
        """A test that needs it fails by itself; the log says why."""

    # --- ARI

    def operations(self, target: str | None) -> Collection[str]:
        """Those that this Asterisk has."""
        return [operation.id for operation in self.link.catalogue or ()]

    async def call(self, target: str, op: str, params: Mapping[str, Any]) -> Any:
        """Carry out an operation, or a request named by method and path. Raises Problem."""
        if target != self._target:
            raise Problem("unknown_target", f"No Asterisk is named {target} in this test, there is {self._target}.")
        with self._working():
            method, blank, path = op.partition(" ")
            command = Command(target, op, params)
            if blank:
                command = self.link.resolve(method, path, params.get("query"), params.get("body"))
            answer = await self.link.call(command)
        return body_of(command, answer)

    # --- phones

    async def place(self, target: str, about: Mapping[str, Any]) -> str:
        """Call an extension of the dialplan, which has to send it to the application."""
        if about.get("args") or about.get("variables"):
            raise CallFailure("bad_parameter", "T.call: args and variables come from the dialplan of a real Asterisk")
        number = next(self._numbers)
        phone, caller = f"{self._prefix}-{number}", f"{self._prefix}-{number}-call"
        self._phones[phone] = caller
        endpoint = f"Local/{about.get('exten') or 's'}@{about.get('context') or 'default'}/n"
        params = {"endpoint": endpoint, "channelId": phone, "otherChannelId": caller, "timeout": -1}
        who = about.get("caller") or {}
        params["callerId"] = f'"{who.get("name", "")}" <{who.get("number", "")}>'
        await self.call(target, "channels.originate", params)
        return caller

    async def press(self, ident: str, digits: str) -> None:
        """Send digits from the phone's end."""
        await self._do("channels.sendDTMF", ident, dtmf=digits, between=50, duration=100)
        await asyncio.sleep(0.2 * len(digits))

    async def hang_up(self, ident: str) -> None:
        """Hang the phone up."""
        await self._do("channels.hangup", ident)

    async def answer(self, ident: str) -> None:
        """Phones that a script dials are real ones."""
        raise _their_own_affair()

    async def refuse(self, ident: str, how: str) -> None:
        """Phones that a script dials are real ones."""
        raise _their_own_affair()

    async def state(self, ident: str) -> Mapping[str, Any] | None:
        """The channel as ARI describes it."""
        try:
            found: Mapping[str, Any] = await self.call(self._target, "channels.get", {"channelId": ident})
        except Problem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return found

    async def talks_to(self, ident: str) -> list[str]:
        """The channels in bridges with it."""
        bridges = await self.call(self._target, "bridges.list", {})
        lists = [bridge["channels"] for bridge in bridges if ident in bridge["channels"]]
        return [member for members in lists for member in members if member != ident]

    async def clear(self) -> None:
        """Hang up what phones are left."""
        for phone in self._phones:
            try:
                await self.call(self._target, "channels.hangup", {"channelId": phone})
            except Problem as problem:
                if problem.status != HTTPStatus.NOT_FOUND:
                    log.warning("phone.left_behind", channel=phone, error=problem.detail)

    async def _do(self, op: str, ident: str, **params: Any) -> None:
        phones = {caller: phone for phone, caller in self._phones.items()}
        if ident not in phones:
            raise _their_own_affair()
        await self.call(self._target, op, {"channelId": phones[ident], **params})

    @contextmanager
    def _working(self) -> Iterator[None]:
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._last = self._loop.time()


class LiveStage:
    """Tests run in real time against the Asterisk of these settings."""

    def __init__(self, settings: AsteriskSettings) -> None:
        self._settings = replace(settings, link="inbound", standby=False)
        self._checked = False

    def loop(self) -> asyncio.AbstractEventLoop:
        """An event loop in real time."""
        return asyncio.new_event_loop()

    @asynccontextmanager
    async def around(self, sink: Sink) -> AsyncIterator[Surroundings]:
        """Connected to Asterisk. Raises StageError when that cannot be."""
        await self._check()
        live = LiveAsterisk(self._settings, sink)
        running = asyncio.create_task(live.link.run())
        try:
            await self._until_up(live, running)
            yield live
            await live.clear()
            await live.settle()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _check(self) -> None:
        """Once, before the first test: what a gateway has is not taken from it."""
        if self._checked:
            return
        free, reason = await application_is_free(self._settings)
        if not free:
            raise StageError(reason)
        self._checked = True

    async def _until_up(self, live: LiveAsterisk, running: asyncio.Task[None]) -> None:
        up = asyncio.create_task(live.is_up.wait())
        await asyncio.wait({up, running}, timeout=_UP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if not live.is_up.is_set():
            raise StageError(live.link.reason)


def _their_own_affair() -> CallFailure:
    return CallFailure(
        "bad_parameter", "against a real Asterisk only phones of T.call can be used, others are real ones"
    )
