"""What the verbs of a call made in Asterisk and have not removed yet: whatever happens, it is removed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog

from aribridge.protocol.problems import Problem
from aribridge.script.flows.patience import Again, never

log = structlog.get_logger("aribridge.script")

Send = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Carries out an operation by its id. Raises Problem."""

_REMOVERS = {
    "playback": ("playbacks.stop", "playbackId"),
    "recording": ("recordings.stop", "recordingName"),
    "moh": ("channels.stopMoh", "channelId"),
    "channel": ("channels.hangup", "channelId"),
    "bridge": ("bridges.destroy", "bridgeId"),
}
"""By kind, in the order of removal: legs go before the bridge that they are in."""

_SECONDS = 5.0


class Ledger:
    """Resources by kind and id, on one Asterisk; ``watch`` is told of each channel that is noted or struck off."""

    def __init__(
        self,
        send: Send,
        entries: Iterable[tuple[str, str]] = (),
        again: Again = never,
        watch: Callable[[str, bool], None] = lambda channel, is_there: None,
    ) -> None:
        self._send = send
        self._watch = watch
        self._again = again
        self._entries: dict[tuple[str, str], None] = dict.fromkeys(entries)

    def add(self, kind: str, ident: str) -> None:
        """Note something just before it is made, so that it is not lost when the answer is."""
        self._entries[kind, ident] = None
        if kind == "channel":
            self._watch(ident, True)

    def drop(self, kind: str, ident: str) -> None:
        """Strike off what is gone."""
        self._entries.pop((kind, ident), None)
        if kind == "channel":
            self._watch(ident, False)

    def channels(self) -> list[str]:
        """The ids of the channels."""
        return [ident for kind, ident in self._entries if kind == "channel"]

    def entries(self) -> list[tuple[str, str]]:
        """Kinds and ids."""
        return list(self._entries)

    async def remove_all(self, *, apart_from: str = "") -> None:
        """Remove what is left, each in a few seconds at most once Asterisk is reached; apart from things of a kind."""
        for kind in (kind for kind in _REMOVERS if kind != apart_from):
            idents = [ident for of_kind, ident in self._entries if of_kind == kind]
            await asyncio.gather(*(self._remove(kind, ident) for ident in idents))
            for ident in idents:
                self.drop(kind, ident)

    async def _remove(self, kind: str, ident: str) -> None:
        operation, parameter = _REMOVERS[kind]
        while True:
            try:
                async with asyncio.timeout(_SECONDS):
                    await self._send(operation, {parameter: ident})
            except Problem as problem:
                # What is gone already is answered 404, or 409 for a channel that has left.
                if problem.source != "asterisk":
                    if await self._again(problem):
                        continue
                    log.warning("flow.left_behind", kind=kind, id=ident, error=problem.detail)
            except TimeoutError:
                log.warning("flow.left_behind", kind=kind, id=ident, error="Asterisk did not answer")
            return
