"""The tasks of a script (``task.spawn``): runs of their own, each in an asyncio task that is owned here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

import structlog

from aribridge.script.errors import ScriptFailure
from aribridge.script.runs import Run

CANCELLED = "cancelled"

log = structlog.get_logger("aribridge.script")

Open = Callable[[], Run]
Work = Callable[[int, Run], Coroutine[Any, Any, None]]
Report = Callable[[str, ScriptFailure], None]


class Tasks:
    """Starts, cancels and awaits tasks by their numbers. The script's side bounds how many there are.

    ``open_`` makes the run of a task, ``work`` sees it through; ``report`` is told of a failure that no other task
    waits for.
    """

    def __init__(self, open_: Open, work: Work, report: Report) -> None:
        self._open = open_
        self._work = work
        self._report = report
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._runs: dict[int, Run] = {}
        self._awaited: set[int] = set()
        self._of_calls: set[int] = set()
        self._ended = False

    def spawn(self, numbers: Sequence[int], of_call: bool) -> None:
        """Start tasks; ``of_call`` are those of a call flow.

        Without a running event loop (``aribridge check``) nothing is started: nothing will run.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._ended:
            return
        if of_call:
            self._of_calls.update(numbers)
        for number in numbers:
            run = self._runs[number] = self._open()
            task = self._tasks[number] = loop.create_task(self._work(number, run))
            task.add_done_callback(partial(self._over, number))

    def cancel(self, numbers: Iterable[int]) -> None:
        """Cancel those of them that are not over."""
        for number in numbers:
            if run := self._runs.get(number):
                run.cancel(CANCELLED)

    async def join(self, numbers: Iterable[int]) -> None:
        """Wait until all have ended, or one has failed; what they returned or raised, the script's side knows."""
        tasks = [self._tasks[number] for number in numbers if number in self._tasks]
        self._awaited.update(numbers)
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)

    def cancel_idlers(self) -> None:
        """Cancel every task that no other waits for, and that belongs to no call."""
        self.cancel(self._tasks.keys() - self._awaited - self._of_calls)

    def cancel_all(self) -> None:
        """Cancel every task."""
        self.cancel(tuple(self._tasks))

    async def idle(self) -> None:
        """Return when all have ended, and those that they started."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    def stop(self) -> None:
        """End all tasks where they are, for good; one that has not begun never does."""
        self._ended = True
        for task in self._tasks.values():
            task.cancel()

    async def close(self) -> None:
        """End all tasks."""
        self.stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _over(self, number: int, task: asyncio.Task[None]) -> None:
        run = self._runs.pop(number)
        del self._tasks[number]
        awaited = number in self._awaited
        self._awaited.discard(number)
        self._of_calls.discard(number)
        failure = None if task.cancelled() else task.exception()
        if not isinstance(failure, ScriptFailure):
            if failure is not None:
                log.error("script.task_failed", exc_info=failure)
        elif _is_news(failure, run, awaited=awaited):
            self._report("task", failure)


def _is_news(failure: ScriptFailure, run: Run, *, awaited: bool) -> bool:
    """Whether a failure belongs into the log: not if another task gets it, nor if the task did as it was told."""
    if failure.ran_out:
        return True
    return not awaited and not (run.cancelled and failure.code == run.cancelled)
