"""Background tasks with an owner: none is forgotten, none raises unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger("aribridge.janus")


class Tasks:
    """The tasks of the door; each bounds its own time, so that ``finish`` ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task; an exception in it is logged."""
        task = asyncio.create_task(self._guard(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def pause(self, seconds: float) -> None:
        """Wait until the tasks of this moment are done, at most for so long."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    async def finish(self) -> None:
        """Wait until all tasks are done, those included that they start meanwhile."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("task.failed")
