"""Timers: started, stopped, and told to stop by the script's side."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from script_parts import RecordingAsterisks

from aribridge.core.settings import ScriptSettings
from aribridge.script import ScriptHost
from aribridge.script.runtime import Runtime
from aribridge.script.timers import Timers


async def test_a_cancelled_timer_is_gone() -> None:
    ran: list[int] = []
    done = asyncio.Event()

    async def run(number: int) -> None:
        ran.append(number)
        done.set()

    timers = Timers(run)
    timers.start(1, 0.001)
    timers.start(2, 0.002)
    timers.cancel(1)
    timers.cancel(1)
    await asyncio.wait_for(done.wait(), 30)
    assert ran == [2]
    await timers.close()


def test_the_script_tells_of_each_timer_it_starts_and_cancels() -> None:
    outbox: list[Any] = []
    runtime = Runtime(memory_bytes=8 << 20, budget_seconds=1, outbox=outbox.append)
    source = """
        local bridge = require "bridge"
        local timer = bridge.after(50, function() end)
        timer:cancel()
        timer:cancel()"""
    runtime.start("load", source, "timers.lua")
    assert outbox == [["after", 1, 50], ["cancel", 1]]


def test_a_script_that_starts_timers_can_be_checked_without_an_event_loop(tmp_path: Path) -> None:
    path = tmp_path / "timers.lua"
    path.write_text("require('bridge').after(0, function() end)")
    host = ScriptHost(ScriptSettings(files=[str(path)]), RecordingAsterisks())
    host.load()
    assert not host.has("on_event")
