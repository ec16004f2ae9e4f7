"""Calls Asterisk, and leaves a trace of it: what was asked, by whom, what came of it, how long it took."""

from __future__ import annotations

import time

import msgspec

from aribridge.core.command import Answer, Command
from aribridge.hub.targets import Target
from aribridge.protocol.problems import Problem

_MAKERS = frozenset(
    f"channels.{name}"
    for name in ("originate", "originateWithId", "create", "externalMedia", "snoopChannel", "snoopChannelWithId")
)
"""Operations that answer with the channel that they made."""


class _Made(msgspec.Struct):
    id: str


async def call(target: Target, command: Command, by: str, seconds: float | None = None) -> Answer:
    """Call Asterisk for ``by``. Raises Problem when there is no answer."""
    began = time.time()
    try:
        answer = await target.link.call(command, seconds)
    except Problem as problem:
        target.feed.traces.command(command, by, f"{problem.status} {problem.code}, {_passed(began)}", began)
        raise
    result = f"{answer.status}, {_passed(began)}"
    target.feed.traces.command(command, by, result, began, _made(command, answer))
    return answer


def _passed(began: float) -> str:
    return f"{(time.time() - began) * 1000:.0f} ms"


def _made(command: Command, answer: Answer) -> str | None:
    """The id of the channel that the command made."""
    if command.op not in _MAKERS or answer.status >= 400 or not answer.body:
        return None
    try:
        return msgspec.json.decode(answer.body, type=_Made).id
    except msgspec.MsgspecError:
        return None
