"""Parts for the tests of scripts: an ARI in memory behind the package's port, and clients."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aribridge.core.command import Command
from aribridge.core.principal import Principal
from aribridge.core.settings import ScriptSettings
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost
from aribridge.script.clocks import Clocks
from aribridge.script.testing import Result

OPERATIONS = ("channels.list", "channels.get", "channels.originate", "channels.hangup", "asterisk.getInfo")
DIALS = 'function on_call(call) call:dial("PJSIP/1", {early_media = false}) end'


class RecordingAsterisks:
    """ARI as scripts see it: records calls, answers from a table, waits where it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers: dict[str, Any] = {}
        self.known: tuple[str, ...] = OPERATIONS
        self.published: list[tuple[str | None, Mapping[str, Any]]] = []
        self.owned: list[tuple[str, str, str | None]] = []
        self.called = asyncio.Event()
        self.held: asyncio.Event | None = None

    async def reached(self, count: int) -> None:
        """Wait until there were that many calls."""
        while len(self.calls) < count:
            self.called.clear()
            await self.called.wait()

    def operations(self, target: str | None) -> tuple[str, ...]:
        if target == "nowhere":
            raise Problem("unknown_target", "no Asterisk is called nowhere")
        return self.known

    async def call(self, target: str | None, op: str, params: Mapping[str, Any]) -> Any:
        self.calls.append((target, op, params))
        return await self._answer(op)

    async def request(self, target: str | None, method: str, path: str, query: Any, body: Any) -> Any:
        self.calls.append((target, method, path, query, body))
        return await self._answer(f"{method} {path}")

    def publish(self, target: str | None, event: Mapping[str, Any]) -> None:
        self.operations(target)
        self.published.append((target, event))

    def own(self, target: str, channel: str, script: str | None) -> None:
        self.owned.append((target, channel, script))

    async def _answer(self, key: str) -> Any:
        self.called.set()
        if self.held:
            await self.held.wait()
        await asyncio.sleep(0)
        answer = self.answers.get(key)
        if isinstance(answer, Exception):
            raise answer
        return answer


def arrived(channel: str, **more: Any) -> dict[str, Any]:
    """The event of a channel that came into the application."""
    return {"type": "StasisStart", "channel": {"id": channel}, "args": [], **more}


class ScriptClient:
    """A connection that keeps what scripts send to it."""

    def __init__(self, client_id: str = "c_1", *roles: str) -> None:
        self.id = client_id
        self.kind = "websocket"
        self.address = "127.0.0.1"
        self.principal = Principal("alice", tenant="acme", roles=roles, endpoints=("PJSIP/200",))
        self.sent: list[Any] = []

    def send_message(self, data: Any) -> None:
        self.sent.append(data)


TIRELESS = Clocks(work=lambda: 0.0)
"""Work takes no time: who has to pause after it depends on what else the machine does."""


def load_host(
    asterisks: RecordingAsterisks, *files: Path | str, clocks: Clocks = TIRELESS, **settings: Any
) -> ScriptHost:
    host = ScriptHost(ScriptSettings(files=[str(file) for file in files], **settings), asterisks, clocks=clocks)
    host.load()
    return host


def command(op: str = "channels.list", **params: Any) -> Command:
    return Command("pbx", op, params)


def failures(results: list[Result]) -> list[tuple[str, str]]:
    """Where and how the tests of a script failed."""
    assert results
    return [(result.where, result.failure) for result in results if result.failure]


def made(asterisks: RecordingAsterisks, op: str) -> list[str]:
    """The channels that calls of an operation named."""
    return [call[2]["channelId"] for call in asterisks.calls if call[1] == op]


@contextmanager
def no_collector() -> Iterator[None]:
    """For what is measured inside: the collector takes 0.13 s to look through what a whole run of tests holds."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
