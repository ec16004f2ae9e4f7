"""The requests of one handle, carried out one after another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from aribridge.janus.errors import Code, JanusError
from aribridge.janus.tasks import Tasks

log = structlog.get_logger("aribridge.janus")

MAX_WAITING = 64

Job = Callable[[], Awaitable[None]]


class Lane:
    """Runs jobs in the order of their coming; it has a task only while there is something to do."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._jobs: deque[Job] = deque()
        self._task: asyncio.Task[None] | None = None

    def submit(self, job: Job) -> None:
        """Add a job. Raises JanusError 490 when too many wait."""
        if len(self._jobs) >= MAX_WAITING:
            raise JanusError(
                Code.UNKNOWN, f"{MAX_WAITING} requests of this handle are waiting already; wait for their replies."
            )
        self._jobs.append(job)
        if self._task is None:
            self._task = self._tasks.spawn(self._run())

    async def close(self) -> None:
        """Interrupt the job that runs (unless it is the caller) and let the waiting ones end on what they find."""
        task = self._task
        if task is None or task is asyncio.current_task():
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._run()

    async def _run(self) -> None:
        try:
            while self._jobs:
                await self._guarded(self._jobs.popleft())
        finally:
            self._task = None

    async def _guarded(self, job: Job) -> None:
        try:
            await job()
        except Exception:
            log.exception("request.failed")
