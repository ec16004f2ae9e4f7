"""Runs that wait: who ends them, whatever they were about to wait for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from real.wait import until
from script_parts import ScriptClient

from aribridge.script.calls import Calls
from aribridge.script.errors import ScriptFailure
from aribridge.script.runs import Runs
from aribridge.script.runtime import Runtime, Step

WAITS = """
    local bridge = require "bridge"
    local state = "not begun"
    function on_message(conn, data)
      if data == "state" then return state end
      local left <close> = setmetatable({}, {__close = function() state = "ended" end})
      state = "waits"
      bridge.sleep(3600000)
    end
"""


class EndlessRuntime(Runtime):
    """A script that does nothing but wait."""

    def __init__(self) -> None:
        self.stopped: list[int] = []

    def stop(self, number: int) -> str | None:
        self.stopped.append(number)
        return "s.lua:1"


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_run_that_comes_to_wait_after_all_were_ended_ends() -> None:
    runtime = EndlessRuntime()
    runs = Runs(runtime, Calls({"wait": never}))
    await runs.close()
    with pytest.raises(ScriptFailure, match="the gateway stops"):
        async with asyncio.timeout(30):
            await runs.open(None).finish(Step(7, "wait", ("wait",)))
    assert 7 in runtime.stopped


async def test_a_run_whose_asker_is_gone_is_ended_in_the_script_too(load: Any, client: ScriptClient) -> None:
    host = load(WAITS)
    asked = asyncio.create_task(host.on_message(client, "wait"))

    async def waits() -> bool:
        return bool(await host.on_message(client, "state") == "waits")

    await until(waits, every=0.001)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert await host.on_message(client, "state") == "ended"
