"""The path of a command: which Asterisk, is it known, is it allowed, what do scripts say, then to Asterisk.

Each stage takes a command and returns one, or raises a Problem; nothing flows back but the answer.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable

import msgspec

from aribridge.core.command import Command
from aribridge.core.idempotency import Key
from aribridge.core.making import can_be_owned, made_by
from aribridge.core.principal import Principal
from aribridge.core.trace import note
from aribridge.core.trace_text import channels_in
from aribridge.hub import audited, tracing
from aribridge.hub.access import Access, Forbidden
from aribridge.hub.asked import Asked
from aribridge.hub.keyed import KeyedCommands
from aribridge.hub.owners import Owners, grace_of
from aribridge.hub.result import Result, answered, failed
from aribridge.hub.targets import Target, Targets
from aribridge.obs import metrics
from aribridge.protocol.messages import Request
from aribridge.protocol.problems import Problem
from aribridge.script import Client, Reply, ScriptHost, SystemCommand

_encode = msgspec.json.Encoder(order="deterministic").encode

Prepare = Callable[[Command], Command]
"""What a command goes through just before it is sent."""


class CommandPath:
    """Carries out requests, one at a time per call; calls run side by side."""

    def __init__(
        self,
        targets: Targets,
        access: Access,
        scripts: ScriptHost,
        keyed: KeyedCommands,
        owners: Owners,
        most_seconds: float,
    ) -> None:
        self._targets = targets
        self._access = access
        self._keyed = keyed
        self._owners = owners
        self._scripts = scripts
        self._most_seconds = most_seconds

    async def run(self, client: Client, principal: Principal, request: Request) -> Result:
        """Carry out one request; whatever keeps it from an answer of Asterisk's or a script's is in the result."""
        started = time.perf_counter()
        asked = Asked(client, principal, request)
        try:
            result = await self._run(asked)
        except Problem as problem:
            result = failed(problem)
        except BaseException:
            audited.asked(asked, failed(Problem("internal", "The gateway failed, or stopped.", outcome="unknown")))
            raise
        source = result.error.source if result.error else "asterisk"
        metrics.requests_total.labels(str(result.status), source).inc()
        metrics.request_seconds.observe(time.perf_counter() - started)
        audited.asked(asked, result)
        return result

    async def judge(self, asked: Asked, command: Command) -> Command | Reply:
        """What policy and scripts make of a command that is carried out elsewhere. Raises Problem."""
        asked.command, asked.only_reads = command, self._targets.pick(command.target).link.only_reads(command)
        self._allow(asked, command)
        return await self._decide(asked, command)

    async def _run(self, asked: Asked) -> Result:
        request = asked.request
        target = self._targets.pick(request.target)
        command = _command(target, request)
        _check_own(request, command)
        asked.command, asked.only_reads = command, target.link.only_reads(command)
        self._allow(asked, command)
        if request.key is None or asked.only_reads:
            result = await self._carry_out(asked, command)
        else:
            result = await self._run_keyed(asked, command, request.key)
        self._note_owner(asked, command, result)
        return result

    async def _run_keyed(self, asked: Asked, command: Command, word: str) -> Result:
        key = Key(asked.principal.sub, asked.principal.tenant, command.target, command.op, word)
        seconds = self._seconds(asked.request) or self._most_seconds

        def carry_out(prepare: Prepare) -> Awaitable[Result]:
            return self._carry_out(asked, command, prepare)

        return await self._keyed.run(key, _content(command, asked.request), seconds, carry_out)

    async def _carry_out(self, asked: Asked, command: Command, prepare: Prepare = lambda command: command) -> Result:
        """Have scripts decide, then send what they leave."""
        decided = await self._decide(asked, command)
        if isinstance(decided, Reply):
            asked.changed_by = "bridge.reply"
            return Result(decided.status, decided.body)
        command, request = prepare(decided), asked.request
        if can_be_owned(command.op) and grace_of(request.own, command.op) is not None:
            command = self._owners.prepare(asked.client.id, command)
        command = self._access.claimed(asked, command, self._targets.pick(command.target))
        command = self._scripts.flows.outgoing(command, by="client", flow=request.flow)
        asked.command = command
        return await self._send(asked, command)

    def _allow(self, asked: Asked, command: Command) -> None:
        try:
            asked.decision = self._access.allow(asked.principal, command, self._targets.pick(command.target))
        except Forbidden as refusal:
            asked.decision = refusal.decision
            raise

    def _note_owner(self, asked: Asked, command: Command, result: Result) -> None:
        grace = grace_of(asked.request.own, command.op)
        if grace is not None and result.made is not None and result.made.can_be_owned:
            self._owners.own(result.made, asked.client.id, asked.principal, grace)

    async def _decide(self, asked: Asked, command: Command) -> Command | Reply:
        """As ``_ask_scripts``; traced where scripts decided otherwise than the client wished."""
        if not self._scripts.has("on_command"):
            return command
        by = f"{command.op} by {asked.principal.sub}"
        with self._targets.pick(command.target).feed.traces.about(tuple(channels_in(command))):
            return await self._noted(asked, command, by)

    async def _noted(self, asked: Asked, command: Command, by: str) -> Command | Reply:
        try:
            decided = await self._ask_scripts(asked, command)
        except Problem as problem:
            note("command", f"{by}: {problem.status} {problem.code}")
            raise
        if isinstance(decided, Reply):
            note("command", f"{by}: {decided.status} by a script")
        elif decided is not command:
            note("command", f"{by}: changed by a script")
        return decided

    async def _ask_scripts(self, asked: Asked, command: Command) -> Command | Reply:
        """Let scripts decide; what they rewrote passes catalogue and policy again, unless they answer for it."""
        with metrics.stage_seconds.labels("scripts").time():
            decided = await self._scripts.on_command(asked.client, command, asked.scripts.append)
        if isinstance(decided, Reply):
            return decided
        system = isinstance(decided, SystemCommand)
        changed = decided.command if isinstance(decided, SystemCommand) else decided
        if changed == command:
            asked.scripts.clear()
            return command
        checked = self._targets.pick(changed.target).link.check(changed, is_file=asked.is_file)
        asked.command, asked.changed_by = checked, "bridge.as_system" if system else "script"
        asked.only_reads = self._targets.pick(checked.target).link.only_reads(checked)
        if not system:
            self._allow(asked, checked)
        return checked

    async def _send(self, asked: Asked, command: Command) -> Result:
        target, made = self._targets.pick(command.target), made_by(command)
        try:
            seconds, who = self._seconds(asked.request), asked.principal.sub
            with metrics.stage_seconds.labels("asterisk").time():
                answer = await tracing.call(target, command, who, seconds, asked.client.id)
        except Problem as problem:
            self._access.failed(asked, command, problem, target)
            return failed(problem, made)
        answer = self._access.answered(asked, command, answer, target)
        if answer.status >= 400:
            self._scripts.flows.refused(command)
        return answered(command, answer, target, made)

    def _seconds(self, request: Request) -> float | None:
        return None if request.timeout_ms is None else min(request.timeout_ms / 1000, self._most_seconds)


def _command(target: Target, request: Request) -> Command:
    """Bring a request into the one form, checked: operation id and parameters."""
    if request.op is not None:
        if request.path is not None or request.method is not None:
            raise Problem("bad_message", "request: either op and params, or method and path, not both.")
        return target.link.check(Command(target.name, request.op, request.params or {}))
    if request.method is None or request.path is None:
        raise Problem("bad_message", "request: method and path are needed, or op and params.")
    return target.link.resolve(request.method, request.path, request.query, request.body)


def _check_own(request: Request, command: Command) -> None:
    if request.own is not None and not can_be_owned(command.op):
        raise Problem("bad_parameter", f"own: {command.op} makes no channel or bridge that could be hung up.")


def _content(command: Command, request: Request) -> bytes:
    """What must be the same wherever the same key is used."""
    return hashlib.sha256(_encode([command.params, request.flow, request.own])).digest()
