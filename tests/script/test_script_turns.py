"""Runs that are each within their budget, many at once: others have their turns in between."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
import structlog
from real.wait import until
from script_parts import RecordingAsterisks, ScriptClient, arrived, command

from aribridge.core.settings import ScriptSettings
from aribridge.script import ScriptHost
from aribridge.script.clocks import Clocks
from aribridge.script.runtime import Runtime, Step

MANY = 40
SCRIPT = """
    local bridge = require "bridge"
    function on_message(conn, data) bridge.sleep(1) return data end
    function on_command(conn, cmd) return cmd end
    function on_call(call) call:wait(1) call:set("DONE", "yes") end
"""


class EventLoopTurns:
    """In which turns of the event loop the script worked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = 0
        self.worked: list[int] = []
        for name in ("start", "resume"):
            monkeypatch.setattr(Runtime, name, self._noted(getattr(Runtime, name)))

    def _noted(self, work: Any) -> Any:
        def noted(runtime: Runtime, *arguments: Any) -> Step:
            self.worked.append(self._now)
            return work(runtime, *arguments)

        return noted

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self._now += 1

    @property
    def most(self) -> int:
        return max(self.worked.count(turn) for turn in self.worked)


@pytest.fixture
async def turns(monkeypatch: pytest.MonkeyPatch) -> Any:
    turns = EventLoopTurns(monkeypatch)
    counting = asyncio.create_task(turns.count())
    yield turns
    counting.cancel()


def host_where_each_step_takes(seconds: float, folder: Path, asterisks: RecordingAsterisks) -> ScriptHost:
    (folder / "s.lua").write_text(SCRIPT)
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    work = itertools.count(step=seconds / 2)
    host = ScriptHost(ScriptSettings(files=[str(folder / "s.lua")]), asterisks, clocks=Clocks(work=lambda: next(work)))
    host.load()
    return host


def time_stands_still_for(host: ScriptHost) -> None:
    """On a busy machine so much of it passes during a run that hooks need not rest."""
    for script in host._scripts.scripts:
        script._brake._clock = lambda: 0.0


async def test_messages_at_once_are_handled_in_turns(tmp_path, turns, asterisks, client: ScriptClient) -> None:
    host = host_where_each_step_takes(0.03, tmp_path, asterisks)
    turns.worked.clear()
    answers = await asyncio.gather(*(host.on_message(client, number) for number in range(MANY)))
    assert answers == list(range(MANY))
    assert len(turns.worked) == 2 * MANY
    assert turns.most <= 2
    await host.close()


async def test_commands_at_once_are_judged_in_turns(tmp_path, turns, asterisks, client: ScriptClient) -> None:
    host = host_where_each_step_takes(0.03, tmp_path, asterisks)
    turns.worked.clear()
    await asyncio.gather(*(host.on_command(client, command()) for _ in range(MANY)))
    assert turns.most <= 2
    await host.close()


async def test_flows_work_in_turns(tmp_path, turns, asterisks) -> None:
    host = host_where_each_step_takes(0.03, tmp_path, asterisks)
    for number in range(MANY):
        host.on_event("pbx", arrived(f"c{number}"))
    turns.worked.clear()
    await until(lambda: sum(call[1] == "channels.setChannelVar" for call in asterisks.calls) == MANY)
    assert turns.most <= 2
    await host.close()


async def test_short_runs_need_no_turns(tmp_path, turns, asterisks, client: ScriptClient) -> None:
    host = host_where_each_step_takes(0.00001, tmp_path, asterisks)
    turns.worked.clear()
    await asyncio.gather(*(host.on_command(client, command()) for _ in range(MANY)))
    assert turns.most == MANY
    await host.close()


async def test_runs_that_waited_share_turns_in_their_order(tmp_path, turns, asterisks, client: ScriptClient) -> None:
    """Else each of many short ones would take a turn of the event loop, as long as others wait behind it."""
    host = host_where_each_step_takes(0.002, tmp_path, asterisks)
    turns.worked.clear()
    judged: list[int] = []

    async def judge(number: int) -> None:
        await host.on_command(client, command())
        judged.append(number)

    await asyncio.gather(*(judge(number) for number in range(MANY)))
    assert judged == list(range(MANY))
    assert len(set(turns.worked)) <= MANY // 4
    await host.close()


async def test_nobody_goes_before_those_who_came_earlier(tmp_path, asterisks, client: ScriptClient) -> None:
    host = host_where_each_step_takes(0.03, tmp_path, asterisks)
    judged: list[int] = []

    async def judge(number: int) -> None:
        await host.on_command(client, command())
        judged.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(MANY):
            group.create_task(judge(number))
            await asyncio.sleep(0)
    assert judged == list(range(MANY))
    await host.close()


@pytest.mark.parametrize("hook", ["accepts", "on_call"])
async def test_a_hook_that_loops_for_each_call_rests_and_the_dialplan_goes_on(load, asterisks, hook: str) -> None:
    other = "" if hook == "on_call" else "function on_call(call) end"
    host = load(f"function {hook}(call) while true do end end {other}", budget_ms=10, unhandled_after=0.01)
    time_stands_still_for(host)
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    with structlog.testing.capture_logs() as logs:
        for number in range(120):
            host.on_event("pbx", arrived(f"c{number}"))
        await until(lambda: sum(call[1] == "channels.continueInDialplan" for call in asterisks.calls) == 120)
    assert {line["ran_out"] for line in logs if line["event"] == "script.error"} == {"time", "rest"}
