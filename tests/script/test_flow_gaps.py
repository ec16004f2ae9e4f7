"""Call flows whose events were missed, or go to another channel than the one that they are about."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from real.wait import until
from script_parts import RecordingAsterisks, arrived, failures


async def test_what_is_played_meanwhile_does_not_disturb_the_look_after_a_gap(load, asterisks: RecordingAsterisks):
    host = load("""
        local bridge = require "bridge"
        local task = require "task"
        function on_call(call)
          task.spawn(function()
            local _, got = pcall(call.wait, call, 60)
            call:set("GOT", tostring(got))
          end)
          call:play("sound:a")
          call:play("sound:b")
          call:notify("over")
          bridge.sleep(60000)
        end""")

    def carried_out(op: str) -> list[dict[str, Any]]:
        return [call[2] for call in asterisks.calls if call[1] == op]

    def played(number: int) -> dict[str, Any]:
        ident = carried_out("channels.playWithId")[number]["playbackId"]
        about = {"id": ident, "state": "done", "target_uri": "channel:1.1"}
        return {"type": "PlaybackFinished", "playback": about}

    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    host.on_event("pbx", arrived("1.1"))
    await asterisks.reached(1)
    for _ in range(20):  # so that both wait, the task first
        await asyncio.sleep(0)
    held = asterisks.held = asyncio.Event()
    host.flows.resync("pbx", "app")
    await until(lambda: carried_out("playbacks.get"))
    asterisks.held = None
    host.on_event("pbx", played(0))
    await until(lambda: len(carried_out("channels.playWithId")) == 2)
    held.set()
    for _ in range(20):
        await asyncio.sleep(0)
    host.on_event("pbx", played(1))
    await until(lambda: carried_out("channels.setChannelVar"))
    assert carried_out("channels.setChannelVar")[0]["value"] == "over"


@pytest.mark.parametrize(
    ("doing", "said"),
    [
        ('record{name = "m", max = 8}', "done"),
        ('play{"sound:a", "sound:b", "sound:c", "sound:d"}', "failed"),
    ],
)
def test_what_began_on_a_channel_that_another_one_replaced_comes_to_its_end(tried, doing: str, said: str):
    script = f"""
        local bridge = require "bridge"
        function on_call(call)
          call:answer()
          local first, second = call:{doing}
          bridge.log("info", first and first.state or second)
          call:wait(60)
        end"""
    tests = f"""
        function test_end()
          local call = T.call()
          T.advance(3500)
          T.event({{type = "StasisStart", channel = {{id = "new"}}, args = {{}}, replace_channel = {{id = call.id}}}})
          T.equal(T.logs(), {{}})
          T.advance(20000)
          T.equal(T.logs()[1].text, "{said}")
        end"""
    assert failures(tried(script, tests)) == []
