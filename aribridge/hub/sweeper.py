"""Removes from Asterisk what the gateway made and forgot, in this run or an earlier one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
import structlog

from aribridge.core.command import Command
from aribridge.core.making import Thing
from aribridge.core.sweep import Leftover, Objects
from aribridge.hub import tracing
from aribridge.hub.targets import Target, Targets
from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.hub")

_PAUSE_SECONDS = 2.0
_OK = 200

Owns = Callable[[str, str], bool]
"""Whether somebody owns what has this id on a target."""


class Sweeper:
    """Sweeps every target whose calls are known; ``run`` is to be kept running."""

    def __init__(self, targets: Targets, owns: Owns) -> None:
        self._targets = targets
        self._owns = owns

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            for target in self._targets:
                if not target.ready:
                    target.sweep.forget()
                    continue
                try:
                    await self._sweep(target)
                except Problem as problem:
                    log.warning("sweep.unfinished", target=target.name, reason=problem.detail)

    async def _sweep(self, target: Target) -> None:
        owned = partial(self._owns, target.name)
        state = target.stream.state
        now = asyncio.get_running_loop().time()
        for one in target.sweep.due(state.values("channels"), state.values("bridges"), owned, now):
            # Asterisk's own word, just before: events may lag, and somebody may have turned to it meanwhile.
            channels, bridges = await _listed(target, "channels"), await _listed(target, "bridges")
            if target.sweep.is_left_over(one, channels, bridges, owned):
                await _remove(target, one)


async def _listed(target: Target, kind: str) -> Objects:
    answer = await target.link.call(Command(target.name, f"{kind}.list", {}))
    return {one["id"]: one for one in msgspec.json.decode(answer.body or b"[]")} if answer.status == _OK else {}


async def _remove(target: Target, one: Leftover) -> None:
    answer = await tracing.call(target, Thing(target.name, one.kind, one.id).ending, tracing.GATEWAY)
    log.warning("sweep.removed", target=target.name, kind=one.kind, id=one.id, status=answer.status)
