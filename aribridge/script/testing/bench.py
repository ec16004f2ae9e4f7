"""What `T` does (lua/host/testing.lua): asks the script under test, and tells what it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aribridge.core.command import Command
from aribridge.core.principal import Principal
from aribridge.protocol.problems import Problem
from aribridge.script.calls import Operation
from aribridge.script.chain import ScriptHost
from aribridge.script.errors import CallFailure
from aribridge.script.host import Reply, SystemCommand
from aribridge.script.testing.asterisks import AnsweringAsterisks
from aribridge.script.testing.surroundings import Surroundings

_TOLD = ("on_command", "on_message")
"""Hooks whose failure is raised in the test."""


class BenchClient:
    """A client that a test made up."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        user = about["user"]
        self.id: str = about["id"]
        self.kind: str = about["carrier"]
        self.address = ""
        self.principal = Principal(
            user["sub"],
            tenant=user.get("tenant"),
            roles=tuple(user["roles"]),
            endpoints=tuple(user["endpoints"]),
        )
        self.sent: list[Any] = []

    def send_message(self, data: Any) -> None:
        """Keep a message of the script's."""
        self.sent.append(data)


class Bench:
    """A script under test, and everything around it.

    ``more`` are operations besides those on the script itself; ``logs`` is what it writes to the log, as structlog's
    entries.
    """

    def __init__(
        self,
        host: ScriptHost,
        asterisks: AnsweringAsterisks,
        more: Iterable[Mapping[str, Operation]],
        surroundings: Surroundings,
        logs: list[MutableMapping[str, Any]],
    ) -> None:
        self._host = host
        self._surroundings = surroundings
        self._logs = logs
        self._clients: dict[str, BenchClient] = {}
        operations: dict[str, Operation] = {
            "t.command": self._command,
            "t.event": self._event,
            "t.message": self._message,
            "t.connect": self._connect,
            "t.disconnect": self._disconnect,
            "t.advance": self._advance,
            "t.sent": self._sent,
            "t.calls": self._taker(asterisks.calls),
            "t.published": self._taker(asterisks.published),
            "t.logs": self._take_logs,
            "t.errors": self.take_errors,
            "t.time": self._set_time,
        }
        for others in more:
            operations.update(others)
        self.operations = {name: self._settled(operation) for name, operation in operations.items()}

    async def take_errors(self) -> list[str]:
        """The failures of the script since the last call that were not raised in the test; with file and line."""
        return [
            f"{entry['where']}: {entry['error']}"
            for entry in self._take(lambda entry: entry["event"] == "script.error")
            if entry["hook"] not in _TOLD
        ]

    def _settled(self, operation: Operation) -> Operation:
        async def work(*arguments: Any) -> Any:
            try:
                return await operation(*arguments)
            finally:
                await self._surroundings.settle()

        return work

    def _client(self, about: Mapping[str, Any]) -> BenchClient:
        return self._clients.setdefault(about["id"], BenchClient(about))

    async def _command(self, about: Any, fields: dict[str, Any]) -> dict[str, Any]:
        command = Command(fields["target"], fields["op"], fields["params"])
        try:
            verdict = await self._host.on_command(self._client(about), command)
        except Problem as problem:
            if problem.code != "denied":
                raise
            return {"kind": "deny", "why": problem.detail}
        if isinstance(verdict, Reply):
            return {"kind": "reply", "status": verdict.status, "body": verdict.body}
        passed = verdict.command if isinstance(verdict, SystemCommand) else verdict
        cmd = {"op": passed.op, "params": dict(passed.params), "target": passed.target}
        return {"kind": "system" if isinstance(verdict, SystemCommand) else "pass", "cmd": cmd}

    async def _event(self, target: str, event: dict[str, Any]) -> Any:
        return self._host.on_event(target, event)

    async def _message(self, about: Any, data: Any) -> Any:
        return await self._host.on_message(self._client(about), data)

    async def _connect(self, about: Any) -> None:
        await self._host.on_connect(self._client(about))

    async def _disconnect(self, about: Any, reason: str) -> None:
        await self._host.on_disconnect(self._client(about), reason)

    async def _advance(self, milliseconds: float) -> None:
        await asyncio.sleep(milliseconds / 1000)

    async def _set_time(self, fields: Mapping[str, Any]) -> None:
        self._surroundings.set_wall(_unix_seconds(fields))

    async def _sent(self, about: Any) -> list[Any]:
        client = self._client(about)
        sent, client.sent = client.sent, []
        return sent

    def _taker(self, kept: list[dict[str, Any]]) -> Operation:
        async def take() -> list[dict[str, Any]]:
            taken = list(kept)
            kept.clear()
            return taken

        return take

    async def _take_logs(self) -> list[dict[str, Any]]:
        taken = self._take(lambda entry: entry["event"] == "script.log")
        return [{"level": entry["log_level"], "text": entry["text"], "fields": entry["fields"]} for entry in taken]

    def _take(self, wanted: Callable[[MutableMapping[str, Any]], bool]) -> list[MutableMapping[str, Any]]:
        taken = [entry for entry in self._logs if wanted(entry)]
        self._logs[:] = [entry for entry in self._logs if not wanted(entry)]
        return taken


def _unix_seconds(fields: Mapping[str, Any]) -> float:
    """A time as os.date("*t") has it, in a zone. Raises CallFailure."""
    try:
        year, month, day = (int(fields[name]) for name in ("year", "month", "day"))
        hour, minute, second = (int(fields.get(name, 0)) for name in ("hour", "min", "sec"))
        zone = ZoneInfo(fields.get("zone", "UTC"))
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp()
    except (KeyError, ValueError, TypeError, OSError) as error:
        text = f'T.time takes {{year = 2026, month = 1, day = 5, hour = 9, min = 30, zone = "Europe/Vienna"}}: {error}'
        raise CallFailure("bad_parameter", text) from None
