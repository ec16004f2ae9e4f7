"""Stored recordings as files: the way of a command up to Asterisk, and back in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aribridge.ari import Download
from aribridge.core.command import Command
from aribridge.core.places import Places
from aribridge.core.policy.names import is_plain_path
from aribridge.core.principal import Principal
from aribridge.hub import audited
from aribridge.hub.asked import Asked
from aribridge.hub.commands import CommandPath
from aribridge.hub.result import Result, asterisk_error, failed
from aribridge.hub.targets import Targets
from aribridge.protocol.messages import Request
from aribridge.protocol.problems import Problem
from aribridge.script import Client, Reply

OPERATION = "recordings.getStoredFile"
CUT = 499
"""The status on record of a file that the client did not take whole."""
MOST, MOST_OF_SUBJECT = 32, 8
"""Files on their way at once: of one Asterisk (each counts towards its sessionlimit), and to one subject."""


class Recordings:
    """Opens them for whoever may have them."""

    def __init__(self, targets: Targets, commands: CommandPath) -> None:
        self._targets = targets
        self._commands = commands
        self._of_target = Places(MOST)
        self._of_subject = Places(MOST_OF_SUBJECT)

    @asynccontextmanager
    async def open(self, client: Client, target: str, name: str) -> AsyncIterator[Download]:
        """The file of a recording, asked for as a command is: policy, scripts, audit. Raises Problem.

        What is raised inside goes on record as what became of it.
        """
        params = {"recordingName": name}
        asked = Asked(client, client.principal, Request(id=0, op=OPERATION, params=params), is_file=True)
        result = Result(200)
        try:
            async with self._places(client.principal, target), self._opened(asked, target, params) as download:
                yield download
        except Problem as problem:
            result = failed(problem)
            raise
        except BaseException:
            result = Result(CUT, error=Problem("internal", "The client left, or was cut off.", outcome="unknown"))
            raise
        finally:
            audited.asked(asked, result, always=True)

    @asynccontextmanager
    async def _opened(self, asked: Asked, target: str, params: dict[str, str]) -> AsyncIterator[Download]:
        link = self._targets.pick(target).link
        command = link.check(Command(target, OPERATION, params), is_file=True)
        if not is_plain_path(params["recordingName"]):
            raise Problem("bad_path", "The name of a recording has no empty and no dot segments.")
        command = _allowed(await self._commands.judge(asked, command))
        async with link.download(command) as download:
            if download.refusal is not None:
                raise asterisk_error(command, download.refusal)
            yield download

    @asynccontextmanager
    async def _places(self, principal: Principal, target: str) -> AsyncIterator[None]:
        subject = (principal.tenant, principal.sub)
        if not self._of_target.take(target):
            raise _too_many(f"{MOST} recordings of {target} are being read")
        try:
            if not self._of_subject.take(subject):
                raise _too_many(f"You read {MOST_OF_SUBJECT} recordings")
            try:
                yield
            finally:
                self._of_subject.give(subject)
        finally:
            self._of_target.give(target)


def _allowed(decided: Command | Reply) -> Command:
    if isinstance(decided, Reply) or decided.op != OPERATION:
        raise Problem("denied", "A script of this gateway made something else of it.", source="script")
    return decided


def _too_many(what: str) -> Problem:
    return Problem("too_many_requests", f"{what} at once, which is the limit.", after_ms=1000)
