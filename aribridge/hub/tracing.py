"""Calls Asterisk, and leaves a trace of it: what was asked, by whom, what came of it, how long it took.

What no client asked for is audited here; a client's commands are where their decision is known (`commands`).
"""

from __future__ import annotations

import time

import msgspec

from aribridge.core.command import Answer, Command
from aribridge.core.making import CHANNEL_MAKERS
from aribridge.core.trace_text import channels_in
from aribridge.hub import audited
from aribridge.hub.targets import Target
from aribridge.obs import audit
from aribridge.protocol.problems import Problem


class Actor(str):
    """Who calls, where no client does: no subject of a token is one, whatever its name."""

    __slots__ = ()


SCRIPT = Actor("script")
"""A script: what it logs from then on belongs to the call."""

GATEWAY = Actor("gateway")
"""The gateway itself, without anybody's asking."""


class _Made(msgspec.Struct):
    id: str


async def call(
    target: Target, command: Command, by: str, seconds: float | None = None, client: str | None = None
) -> Answer:
    """Call Asterisk for ``by``, whose connection ``client`` is, if any. Raises Problem when there is no answer."""
    began = time.time()
    if by is not GATEWAY:
        target.sweep.use(command.params.values(), by_script=by is SCRIPT)
    try:
        answer = await target.link.call(command, seconds, client or by)
    except Problem as problem:
        target.feed.traces.command(command, by, f"{problem.status} {problem.code}, {_passed(began)}", began)
        _audit(target, command, by, problem)
        raise
    _audit(target, command, by, answer)
    result, made = f"{answer.status}, {_passed(began)}", _made(command, answer)
    target.feed.traces.command(command, by, result, began, made)
    if by is SCRIPT:
        target.feed.traces.turn_to(channels_in(command) if made is None else (made,))
    return answer


def _audit(target: Target, command: Command, by: str, result: Answer | Problem) -> None:
    if isinstance(by, Actor) and audit.wants(read=_only_reads(target, command)):
        audited.unasked(command, by, result)


def _only_reads(target: Target, command: Command) -> bool:
    """Whether it changes nothing. What is no operation at all does, or is asked for while nobody knows, does not."""
    try:
        return target.link.only_reads(command)
    except Problem:
        return True


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
