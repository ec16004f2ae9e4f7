"""Commands with a key: carried out once, however often they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from aribridge.core.command import Command
from aribridge.core.idempotency import Entry, Idempotency, Key, State
from aribridge.core.instance import Instance
from aribridge.core.making import Thing, made_by, named
from aribridge.hub import tracing
from aribridge.hub.result import Result, failed
from aribridge.hub.targets import Targets
from aribridge.protocol import encode
from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.hub")

_LONGEST_REPLY = 65_536
_CONFLICT, _FAILED = 409, 500
_JOBS = frozenset({"playbacks", "recordings"})
"""Kinds that Asterisk answers the making of with 201."""

CarryOut = Callable[[Callable[[Command], Command]], Awaitable[Result]]
"""Carries a command out; what it is about to send goes through the function that it is given."""


class KeyedCommands:
    """Runs keyed commands, and answers repetitions with what the first one caused."""

    def __init__(self, targets: Targets, instance: Instance) -> None:
        self._targets = targets
        self._instance = instance
        self._table: Idempotency[Result] = Idempotency()
        self._running: dict[Key, asyncio.Future[Result]] = {}

    def see(self, target: str, event: Mapping[str, Any]) -> None:
        """Take in an event of Asterisk's."""
        self._table.see(target, event)

    async def run(self, key: Key, content: bytes, seconds: float, carry_out: CarryOut) -> Result:
        """Carry out a command, or find out what the first one with its key caused, in ``seconds`` at most.

        Raises Problem: ``key_reused``, ``outcome_unknown``, ``too_many_requests``, ``timeout``.
        """
        entry = self._table.begin(key, content, _now())
        if entry is None:
            return await self._first(key, carry_out)
        if entry.state is State.PENDING:
            return await self._join(key, seconds)
        if entry.reply is not None:
            return entry.reply.again()
        return await self._settle(key, entry)

    async def _first(self, key: Key, carry_out: CarryOut) -> Result:
        """Carry it out, and keep what became of it; those who joined are told even if it is cancelled."""
        self._running[key] = joined = asyncio.get_running_loop().create_future()
        result = failed(Problem("internal", "The gateway ended before the command did.", outcome="unknown"))
        try:
            result = await self._carried_out(key, carry_out)
        finally:
            self._keep(key, result)
            del self._running[key]
            joined.set_result(result)
        return result

    async def _carried_out(self, key: Key, carry_out: CarryOut) -> Result:
        try:
            result = await carry_out(lambda command: self._prepare(key, command))
        except Problem as problem:
            result = failed(problem)
        except Exception:
            log.exception("request.failed", op=key.op)
            result = failed(Problem("internal", "The gateway failed on this request.", outcome="unknown"))
        return await self._look_again(key, result)

    def _prepare(self, key: Key, command: Command) -> Command:
        """Give what the command makes a name that follows from the key, and have it watched for."""
        command = named(command, self._instance.name(*key.words))
        if (thing := made_by(command)) is not None:
            self._table.expect(key, thing, fresh=self._chosen(key, thing) or self._is_new(thing))
        return command

    async def _look_again(self, key: Key, result: Result) -> Result:
        """What shows that the command was carried out although there was no answer, or a refusal.

        Asterisk refuses an id that is there already: one that follows from the key was made under it in an earlier run
        of the gateway.
        """
        entry = self._table.entry(key)
        if entry is None or entry.thing is None or result.error is None:
            return result
        if _is_duplicate(result, entry.thing) and self._chosen(key, entry.thing):
            return await self._found_there(key, entry, result)
        if result.outcome == "unknown" and entry.seen is not None:
            return self._proven(entry.thing, entry.seen)
        return result

    async def _found_there(self, key: Key, entry: Entry[Result], refusal: Result) -> Result:
        try:
            return (await self._proof(key, entry)).again()
        except Problem as problem:
            return failed(problem, entry.thing) if refusal.status == _CONFLICT else refusal

    async def _join(self, key: Key, seconds: float) -> Result:
        try:
            async with asyncio.timeout(seconds):
                return (await asyncio.shield(self._running[key])).again()
        except TimeoutError:
            detail = f"The first request with the key {key.key!r} was not over in time."
            raise Problem("timeout", detail, outcome="unknown") from None

    async def _settle(self, key: Key, entry: Entry[Result]) -> Result:
        result = await self._proof(key, entry)
        if self._table.entry(key) is entry:  # not forgotten meanwhile
            self._keep(key, result)
        return result.again()

    async def _proof(self, key: Key, entry: Entry[Result]) -> Result:
        """What shows that the command was carried out, as its reply. Raises Problem ``outcome_unknown``."""
        thing = entry.to_read
        proof = entry.settle(key, None if thing is None else await self._read(key, thing, entry))
        assert entry.thing is not None  # only a thing can prove anything
        return self._proven(entry.thing, proof)

    def _keep(self, key: Key, result: Result) -> None:
        size = len(encode.encode(result.to_reply("")))
        if size > _LONGEST_REPLY and result.outcome == "applied":
            detail = f"The command was carried out; its reply of {size} bytes was too long to be kept."
            result = failed(Problem("reply_too_large", detail, outcome="applied"), result.made)
        self._table.over(key, result.outcome, result, size, _now())

    def _proven(self, thing: Thing, value: Mapping[str, Any]) -> Result:
        status = 201 if thing.kind in _JOBS else 200
        return Result(status, value, pos=self._targets.pick(thing.target).stream.position, made=thing)

    async def _read(self, key: Key, thing: Thing, entry: Entry[Result]) -> dict[str, Any] | None:
        """The thing as Asterisk has it, None when it has none, or when an event proved enough while it could not tell.

        Raises Problem when it cannot be asked.
        """
        try:
            answer = await tracing.call(self._targets.pick(thing.target), thing.reading, tracing.GATEWAY)
        except Problem as problem:
            if entry.seen is not None:
                return None
            detail = f"Whether {key.op} under the key {key.key!r} was carried out cannot be found out now: {problem}"
            raise Problem("outcome_unknown", detail, retry="after", after_ms=1000, outcome="unknown") from problem
        return msgspec.json.decode(answer.body or b"null") if answer.status == 200 else None

    def _chosen(self, key: Key, thing: Thing) -> bool:
        return thing.id == self._instance.name(*key.words)

    def _is_new(self, thing: Thing) -> bool:
        """Whether the call state is known, and has none with this id."""
        stream = self._targets.pick(thing.target).stream
        return stream.is_open and not stream.state.has(thing.kind, thing.id)


def _is_duplicate(result: Result, thing: Thing) -> bool:
    """Whether Asterisk may have refused since there is one with this id: 409, or 500 for external media.

    Source: Asterisk's rest-api/api-docs, channels.json and bridges.json; res/ari/resource_channels.c.
    """
    refused = result.error is not None and result.error.source == "asterisk"
    return refused and thing.kind not in _JOBS and result.status in {_CONFLICT, _FAILED}


def _now() -> float:
    return asyncio.get_running_loop().time()
