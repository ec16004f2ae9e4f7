"""What a client has carried out: commands in both forms, and messages to scripts; each gets exactly one answer."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress

import structlog

from aribridge.core.principal import Principal
from aribridge.core.rates import READ, WRITE
from aribridge.hub import audited
from aribridge.hub.answers import Answers
from aribridge.hub.costs import cost_of, cost_of_path
from aribridge.hub.identity import Identity
from aribridge.hub.lanes import Lanes
from aribridge.hub.parts import HubParts
from aribridge.hub.rest_form import split, to_request
from aribridge.hub.result import Result
from aribridge.hub.seats import Seat
from aribridge.protocol.messages import Request, RestRequest, ScriptMessage
from aribridge.protocol.problems import Problem
from aribridge.script import Client

log = structlog.get_logger("aribridge.hub")

_REST_LANE = object()
_RETRY_AFTER_MS = 1000


class Work:
    """Starts what one client asks for, in tasks of the hub's: they outlive the connection."""

    def __init__(self, parts: HubParts, client: Client, identity: Identity, answers: Answers, seat: Seat) -> None:
        self._parts = parts
        self._client = client
        self._identity = identity
        self._answers = answers
        self._seat = seat
        self._lanes = Lanes()

    def request(self, request: Request) -> None:
        """Carry out a command, and answer it."""
        refusal = self._refusal(cost_of(request, self._parts.targets), "request")
        if refusal is not None:
            self._answers.answer(request.id, refusal)
        else:
            self._parts.spawn(self._carry_out(request))

    def rest_request(self, rest: RestRequest) -> None:
        """Carry out a command in Asterisk's own form, after those before it, and answer it in that form."""
        refusal = self._refusal(_cost_of_rest(rest), "request")
        if refusal is not None:
            self._answers.answer_rest(rest, refusal, self._app())
        else:
            self._parts.spawn(self._carry_out_rest(rest))

    def script_message(self, message: ScriptMessage) -> None:
        """Hand a message to scripts, and answer it if it has an id."""
        refusal = self._refusal(WRITE, "message")
        if refusal is None:
            self._parts.spawn(self._ask_scripts(message))
        elif message.id is None:
            self._answers.answered()
        else:
            self._answers.answer(message.id, refusal)

    def _refusal(self, cost: int, message: str) -> Result | None:
        """Why no work is taken: the gateway stops, the token has expired, too much is asked for; None where it is."""
        if self._parts.draining():
            return _too_late()
        try:
            self._identity.check()
            self._seat.charge(cost)
        except Problem as problem:
            audited.denied(self._client, self._principal, message, problem)
            return Result(problem.status, error=problem)
        return None

    async def _carry_out(self, request: Request) -> None:
        async with self._lanes.turn(request.lane):
            result = await self._result(self._run(request))
        self._answers.answer(request.id, result)

    async def _carry_out_rest(self, rest: RestRequest) -> None:
        async with self._lanes.turn(_REST_LANE):
            result = await self._result(self._run_rest(rest))
        self._answers.answer_rest(rest, result, self._app())

    async def _ask_scripts(self, message: ScriptMessage) -> None:
        result = await self._result(self._run_scripts(message))
        if message.id is None:
            self._answers.answered()
        else:
            self._answers.answer(message.id, result)

    async def _run(self, request: Request) -> Result:
        await self._identity.introduced()
        return await self._parts.commands.run(self._client, self._principal, request)

    async def _run_rest(self, rest: RestRequest) -> Result:
        return await self._run(to_request(rest, self._parts.limits.depth))

    async def _run_scripts(self, message: ScriptMessage) -> Result:
        await self._identity.introduced()
        return Result(200, await self._parts.scripts.on_message(self._client, message.data))

    async def _result(self, work: Awaitable[Result]) -> Result:
        """Every request gets exactly one answer, whatever happens to it."""
        try:
            return await work
        except Problem as problem:
            return Result(problem.status, error=problem)
        except Exception:
            log.exception("request.failed", connection=self._client.id)
            failure = Problem("internal", "The gateway failed on this request.", outcome="unknown")
            return Result(500, error=failure)

    @property
    def _principal(self) -> Principal:
        return self._client.principal

    def _app(self) -> str:
        with suppress(Problem):
            return self._parts.targets.pick(None).link.app
        return ""


def _cost_of_rest(rest: RestRequest) -> int:
    """What cannot be read is cheap to refuse, later on."""
    try:
        return cost_of_path(rest.method, split(rest.uri).path)
    except Problem:
        return READ


def _too_late() -> Result:
    problem = Problem("draining", "The gateway is going away; a goodbye follows.", after_ms=_RETRY_AFTER_MS)
    return Result(problem.status, error=problem)
