"""ARI as one script sees it: what it does is done by it, with whatever tapes of the script run listening."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import Any

from aribridge.obs import audit
from aribridge.protocol.problems import Problem
from aribridge.script.host import Asterisks
from aribridge.script.recording.recorder import Recorder


class Tap:
    """An ``Asterisks`` for one script."""

    def __init__(self, asterisks: Asterisks, script: str, recorder: Recorder) -> None:
        self._asterisks = asterisks
        self._script = script
        self._recorder = recorder

    def operations(self, target: str | None) -> Collection[str]:
        """As of ``Asterisks``."""
        return self._asterisks.operations(target)

    async def call(self, target: str | None, op: str, params: Mapping[str, Any]) -> Any:
        """As of ``Asterisks``."""
        return await self._taped(target, op, params, self._asterisks.call(target, op, params))

    async def request(
        self, target: str | None, method: str, path: str, query: Mapping[str, Any] | None, body: Any
    ) -> Any:
        """As of ``Asterisks``."""
        params = {name: value for name, value in (("query", query), ("body", body)) if value}
        work = self._asterisks.request(target, method, path, query, body)
        return await self._taped(target, f"{method} {path}", params, work)

    def publish(self, target: str | None, event: Mapping[str, Any]) -> None:
        """As of ``Asterisks``."""
        self._asterisks.publish(target, event)

    def own(self, target: str, channel: str, script: str | None) -> None:
        """As of ``Asterisks``."""
        if script is not None:
            for tape in self._recorder.of(script):
                tape.own(channel)
        self._asterisks.own(target, channel, script)

    async def _taped(self, target: str | None, op: str, params: Mapping[str, Any], work: Awaitable[Any]) -> Any:
        numbers = [(tape, tape.command(target, op, params)) for tape in self._recorder.of(self._script)]
        try:
            with audit.by_script(self._script):
                body = await work
        except Problem as problem:
            for tape, number in numbers:
                tape.refusal(number, problem)
            raise
        for tape, number in numbers:
            tape.answer(number, op, body)
        return body
