"""The path of a command: which Asterisk, is it known, is it allowed, what do scripts say, then to Asterisk.

Each stage takes a command and returns one, or raises a Problem; nothing flows back but the answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aribridge.ari import explain
from aribridge.core.command import Answer, Command
from aribridge.core.principal import Principal
from aribridge.core.trace import note
from aribridge.core.trace_text import channels_in
from aribridge.hub import tracing
from aribridge.hub.access import Access
from aribridge.hub.targets import Target, Targets
from aribridge.obs import metrics
from aribridge.protocol import encode
from aribridge.protocol.messages import Request
from aribridge.protocol.problems import Problem
from aribridge.script import Client, Reply, ScriptHost, SystemCommand


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command: the fields of its reply."""

    status: int
    body: Any = None
    error: Problem | None = None
    pos: Mapping[str, Any] | None = None

    def to_reply(self, ident: int | str) -> dict[str, Any]:
        """The reply message."""
        reply = encode.reply(ident, self.status, self.body)
        if self.error is not None:
            reply["error"] = self.error.to_error()
        if self.pos is not None:
            reply["pos"] = self.pos
        return reply


class CommandPath:
    """Carries out requests, one at a time per call; calls run side by side."""

    def __init__(self, targets: Targets, access: Access, scripts: ScriptHost, most_seconds: float) -> None:
        self._targets = targets
        self._access = access
        self._scripts = scripts
        self._most_seconds = most_seconds

    async def run(self, client: Client, principal: Principal, request: Request) -> Result:
        """Carry out one request; whatever keeps it from an answer of Asterisk's or a script's is in the result."""
        started = time.perf_counter()
        try:
            result = await self._carry_out(client, principal, self._read(request), request)
        except Problem as problem:
            result = Result(problem.status, error=problem)
        source = result.error.source if result.error else "asterisk"
        metrics.requests_total.labels(str(result.status), source).inc()
        metrics.request_seconds.observe(time.perf_counter() - started)
        return result

    def _read(self, request: Request) -> Command:
        _refuse_unbuilt(request)
        target = self._targets.pick(request.target)
        return target.link.check(_command(target, request))

    async def _carry_out(self, client: Client, principal: Principal, command: Command, request: Request) -> Result:
        self._allow(principal, command)
        with self._targets.pick(command.target).feed.traces.about(tuple(channels_in(command))):
            decided = await self._decide(client, principal, command)
        if isinstance(decided, Reply):
            return Result(decided.status, decided.body)
        claimed = self._access.claimed(principal, decided, self._targets.pick(decided.target))
        command = self._scripts.flows.outgoing(claimed, by="client", flow=request.flow)
        return await self._send(command, principal, self._seconds(request))

    def _allow(self, principal: Principal, command: Command) -> None:
        self._access.allow(principal, command, self._targets.pick(command.target))

    async def _decide(self, client: Client, principal: Principal, command: Command) -> Command | Reply:
        """As ``_ask_scripts``; traced where scripts decided otherwise than the client wished."""
        try:
            decided = await self._ask_scripts(client, principal, command)
        except Problem as problem:
            note("command", f"{command.op} by {principal.sub}: {problem.status} {problem.code}")
            raise
        if isinstance(decided, Reply):
            note("command", f"{command.op} by {principal.sub}: {decided.status} by a script")
        elif decided is not command:
            note("command", f"{command.op} by {principal.sub}: changed by a script")
        return decided

    async def _ask_scripts(self, client: Client, principal: Principal, command: Command) -> Command | Reply:
        """Let scripts decide; what they rewrote passes catalogue and policy again, unless they answer for it."""
        if not self._scripts.has("on_command"):
            return command
        decided = await self._scripts.on_command(client, command)
        if isinstance(decided, Reply):
            return decided
        system = isinstance(decided, SystemCommand)
        changed = decided.command if isinstance(decided, SystemCommand) else decided
        if changed == command:
            return command
        checked = self._targets.pick(changed.target).link.check(changed)
        if not system:
            self._allow(principal, checked)
        return checked

    async def _send(self, command: Command, principal: Principal, seconds: float | None) -> Result:
        target = self._targets.pick(command.target)
        answer = await tracing.call(target, command, principal.sub, seconds)
        answer = self._access.answered(principal, command, answer, target)
        if answer.status >= 400:
            self._scripts.flows.refused(command)
        return _result(command, answer, target)

    def _seconds(self, request: Request) -> float | None:
        return None if request.timeout_ms is None else min(request.timeout_ms / 1000, self._most_seconds)


def _command(target: Target, request: Request) -> Command:
    """Bring a request into the one form: operation id and parameters."""
    if request.op is not None:
        if request.path is not None or request.method is not None:
            raise Problem("bad_message", "request: either op and params, or method and path, not both.")
        return Command(target.name, request.op, request.params or {})
    if request.method is None or request.path is None:
        raise Problem("bad_message", "request: method and path are needed, or op and params.")
    return target.link.resolve(request.method, request.path, request.query, request.body)


def _refuse_unbuilt(request: Request) -> None:
    for field in ("key", "own"):
        if getattr(request, field):
            raise Problem("not_implemented", f"request: {field} is not available in this version; leave it out.")


def _result(command: Command, answer: Answer, target: Target) -> Result:
    body = encode.raw(answer.body) if answer.body else None
    if answer.status < 400:
        return Result(answer.status, body, pos=target.stream.position)
    return Result(answer.status, body, _asterisk_error(command, answer), target.stream.position)


def _asterisk_error(command: Command, answer: Answer) -> Problem:
    """Asterisk's refusal keeps its status and body; cause and remedy are added where they are known."""
    detail = explain(command, answer) or f"Asterisk answered {answer.status}; its own words are in the body."
    return Problem(
        "asterisk_error",
        detail,
        status=answer.status,
        source="asterisk",
        retry="after" if answer.status == 503 else "never",
    )
