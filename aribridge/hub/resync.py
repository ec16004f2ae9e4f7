"""Reads the call state of a target: sends the questions of a ``Resync`` to Asterisk, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog

from aribridge.core.command import Answer
from aribridge.core.state.resync import Read, Resync
from aribridge.protocol.problems import Problem

_AT_ONCE = 4
_PAUSE_SECONDS = 1.0
_FINAL = (200, 404)

log = structlog.get_logger("aribridge.hub")
_decode = msgspec.json.decode

Ask = Callable[[str, Mapping[str, str]], Awaitable[Answer]]
"""Calls an ARI operation with parameters; raises Problem where no answer comes in time."""

News = Callable[[], Iterable[Mapping[str, Any]]]
"""The events that came since the last call."""


async def read_state(target: str, resync: Resync, ask: Ask, news: News) -> None:
    """Read until the state is right. Tries again and again where Asterisk does not answer; to be cancelled then."""
    clock = asyncio.get_running_loop().time
    asking: dict[asyncio.Task[Answer], Read] = {}
    try:
        while not resync.done:
            while len(asking) < _AT_ONCE and (read := resync.take()):
                asking[asyncio.create_task(_answer(target, read, ask))] = read
            answered, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            # What came before the answer is to be known before it.
            for event in news():
                resync.event(event, clock())
            for task in answered:
                answer = task.result()
                body = _decode(answer.body) if answer.body else None
                resync.answer(asking.pop(task), answer.status, body, clock())
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _answer(target: str, read: Read, ask: Ask) -> Answer:
    """Ask until there is an answer that says what is: Asterisk may be starting, or an operation not be there."""
    while True:
        try:
            answer = await ask(read.op, read.params)
        except Problem as problem:
            if problem.code == "unknown_operation":
                return Answer(404)
            log.warning("state.unread", target=target, op=read.op, reason=problem.detail, again_in=_PAUSE_SECONDS)
        else:
            if answer.status in _FINAL:
                return answer
            log.warning("state.unread", target=target, op=read.op, status=answer.status, again_in=_PAUSE_SECONDS)
        await asyncio.sleep(_PAUSE_SECONDS)
