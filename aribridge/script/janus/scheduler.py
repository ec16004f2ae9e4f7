"""The scheduler of a script of Janus: a poke leads to ``resumeScheduler``, ``timeCallback`` to a function of a name."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol


class Script(Protocol):
    """Whose scheduler it is."""

    def begin(self, callback: str, *arguments: Any) -> Coroutine[Any, Any, None] | None:
        """Call a callback; what is left of it if it waits."""

    def rest(self, callback: str) -> float:
        """Seconds for which a callback is not to be called, since it overran too often; not above 0 where it may."""


class Scheduler:
    """Calls ``resumeScheduler`` once for each poke, one at a time; the script's side bounds how many there are.

    What comes while its callback rests is put off: a timer that starts itself anew would end for good with the first
    call that is left out, and who waits in a coroutine might wait for ever.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._pokes = 0
        self._resuming: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def poke(self) -> None:
        """``pokeScheduler``: resume as soon as the call that asked for it has ended or waits."""
        self._pokes += 1
        if self._resuming is None and (loop := _running_loop()):
            self._resuming = loop.create_task(self._resume())

    def call_later(self, name: str, argument: str | bytes | None, milliseconds: float) -> None:
        """``timeCallback``."""
        if loop := _running_loop():
            self._fire_in(loop, milliseconds / 1000, name, argument)

    async def close(self) -> None:
        """Call nothing any more, and end what was called."""
        for handle in self._waiting:
            handle.cancel()
        tasks = [*self._tasks, *([self._resuming] if self._resuming else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fire_in(
        self, loop: asyncio.AbstractEventLoop, seconds: float, name: str, argument: str | bytes | None
    ) -> None:
        def fire() -> None:
            self._waiting.discard(handle)
            if (rest := self._script.rest("timeCallback")) > 0:
                self._fire_in(loop, rest, name, argument)
            elif (left := self._script.begin("timeCallback", name, argument)) is not None:
                task = loop.create_task(left)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        handle = loop.call_later(seconds, fire)
        self._waiting.add(handle)

    async def _resume(self) -> None:
        try:
            while self._pokes:
                if (rest := self._script.rest("resumeScheduler")) > 0:
                    await asyncio.sleep(rest)
                    continue
                self._pokes -= 1
                left = self._script.begin("resumeScheduler")
                if left is not None:
                    await left
                await asyncio.sleep(0)
        finally:
            self._resuming = None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """None for ``aribridge check``, where a script is loaded and nothing of it will run."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
