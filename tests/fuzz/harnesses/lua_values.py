"""The bridge of values between the gateway and Lua, with a script that returns and sends the worst it can make."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from script.script_parts import RecordingAsterisks, ScriptClient, load_host

from aribridge.core.command import Command
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost
from aribridge.script.host import Reply, SystemCommand
from aribridge.script.values import MAX_DEPTH

LONGEST = 4096
SECONDS = 1.0  # the script has 40 ms of them between two waits
MAY_LOG = ("script.error", "script.log", "script.publish_failed")
MEMORY = 24 << 20
SCRIPT = Path(__file__).with_name("hostile.lua")


def try_one(data: bytes) -> None:
    """The first byte: which hook runs the rest as a program (see hostile.lua), or that it is JSON to be sent back."""
    if data:
        _RUNNER.run(_try(data[0] % 4, data[1:]))


async def _try(kind: int, rest: bytes) -> None:
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    asterisks, client = RecordingAsterisks(), ScriptClient()
    host = load_host(asterisks, SCRIPT, memory_mb=16, hook_seconds=1.0)
    try:
        await (_command, _message, _event, _echo)[kind](host, client, rest)
        assert host._scripts.scripts[0]._runtime.memory_used < MEMORY
    finally:
        await host.close()
    for sent in (*client.sent, *(event for _, event in asterisks.published)):
        _check_json(sent)
    assert not failures, failures[0]


async def _message(host: ScriptHost, client: ScriptClient, program: bytes) -> None:
    try:
        _check_json(await host.on_message(client, {"program": program.hex()}))
    except Problem as problem:
        _check_problem(problem, {"script_error"})


async def _command(host: ScriptHost, client: ScriptClient, program: bytes) -> None:
    command = Command("pbx", "channels.list", {"program": program.hex()})
    try:
        verdict = await host.on_command(client, command)
    except Problem as problem:
        _check_problem(problem, {"script_error", "denied"})
        return
    if isinstance(verdict, Reply):
        assert 200 <= verdict.status <= 599
        _check_json(verdict.body)
        return
    passed = verdict.command if isinstance(verdict, SystemCommand) else verdict
    assert isinstance(passed.target, str)
    assert isinstance(passed.op, str)
    assert isinstance(passed.params, dict)
    _check_json(passed.params)


async def _event(host: ScriptHost, _: ScriptClient, program: bytes) -> None:
    event = {"type": "ChannelVarset", "program": program.hex(), "channel": {"id": "1.1"}}
    passed = host.on_event("pbx", event)
    assert passed is None or isinstance(passed["type"], str)
    _check_json(passed)


async def _echo(host: ScriptHost, client: ScriptClient, text: bytes) -> None:
    with suppress(msgspec.MsgspecError, RecursionError, UnicodeError):
        value = msgspec.json.decode(text)
        try:
            answer = await host.on_message(client, {"echo": value})
        except Problem as problem:
            _check_problem(problem, {"script_error"})
        else:
            # null is as good as nothing to `data.echo ~= nil`, and lone surrogates are no text.
            assert value is None or answer == {"echo": value} or not _is_plain(value), (value, answer)


def _is_plain(value: Any) -> bool:
    """Whether it comes back as it was: floats stay floats and no integer is beyond 64 bits."""
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not isinstance(value, int) or abs(value) < 2**63


def _check_json(value: Any) -> None:
    msgspec.json.encode(value)
    assert _depth(value) <= MAX_DEPTH + 2


def _depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, children), default=0)


def _check_problem(problem: Problem, codes: set[str]) -> None:
    assert problem.code in codes, problem
    assert isinstance(problem.detail, str)
    msgspec.json.encode(problem.to_error())


_RUNNER = asyncio.Runner(loop_factory=asyncio.new_event_loop)
