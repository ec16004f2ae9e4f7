"""Calls Asterisk, and leaves a trace of it: what was asked, by whom, what came of it, how long it took."""

from __future__ import annotations

import time

import msgspec

from aribridge.core.command import Answer, Command
from aribridge.core.making import CHANNEL_MAKERS
from aribridge.core.trace_text import channels_in
from aribridge.hub.targets import Target
from aribridge.protocol.problems import Problem

SCRIPT = "script"
"""Who calls, where it is a script: what it logs from then on belongs to the call."""

GATEWAY = "gateway"
"""Who calls, where nobody asked for it."""


class _Made(msgspec.Struct):
    id: str


async def call(
    target: Target, command: Command, by: str, seconds: float | None = None, client: str | None = None
) -> Answer:
    """Call Asterisk for ``by``, whose connection ``client`` is, if any. Raises Problem when there is no answer."""
    began = time.time()
    if by != GATEWAY:
        target.sweep.use(command.params.values(), by_script=by == SCRIPT)
    try:
        answer = await target.link.call(command, seconds, client or by)
    except Problem as problem:
        target.feed.traces.command(command, by, f"{problem.status} {problem.code}, {_passed(began)}", began)
        raise
    result, made = f"{answer.status}, {_passed(began)}", _made(command, answer)
    target.feed.traces.command(command, by, result, began, made)
    if by == SCRIPT:
        target.feed.traces.turn_to(channels_in(command) if made is None else (made,))
    return answer


def _passed(began: float) -> str:
    return f"{(time.time() - began) * 1000:.0f} ms"


def _made(command: Command, answer: Answer) -> str | None:
    """The id of the channel that the command made."""
    if command.op not in CHANNEL_MAKERS or answer.status >= 400 or not answer.body:
        return None
    try:
        return msgspec.json.decode(answer.body, type=_Made).id
    except msgspec.MsgspecError:
        return None
