"""Calls that flows own, and a gateway that stops, or crashes, and starts again."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from flow_parts import ari, ended, hang_up_all, logged, nothing_left, past_the_gateway
from real.gateway import target
from real.wait import until

READER = """
function on_call(call)
  call:answer()
  call:save{ step = "pin", tries = 2 }
  call:moh()
  print("waiting")
  call:read{ prompt = "tone:ring", timeout = 60 }
end
"""
RESUMER = """
function on_resume(call, saved)
  print("resumed", call.exten, call.target, saved and saved.step, saved and saved.tries)
  call:play("sound:beep")
  call:hangup()
end
"""
RECORDER = """
function on_call(call)
  call:answer()
  print("waiting")
  call:record{ name = "restart" }
end
"""
DIALLER = """
function on_call(call)
  call:answer()
  print("status", call:dial("Local/600@default/n"))
  print("alone")
end
"""
CALL = "/channels?endpoint=Local/7001@default/n&context=default&extension=600&priority=1"
ENDS = pytest.mark.parametrize("end", ["stop", "kill"])


@pytest.fixture
async def gateway(asterisk22, gateways, tmp_path):
    """Starts a gateway with one script."""

    async def start(source, **settings):
        script = tmp_path / "flow.lua"
        script.write_text(source)
        scripts = {"files": [str(script)], **settings}
        # None of these flows is to come to its end by itself.
        server = {"drain_seconds": 0.2}
        gateway = await gateways.start(target(asterisk22, app=asterisk22.app), scripts=scripts, server=server)
        gateway.asterisk = asterisk22
        return gateway

    yield start
    await nothing_left(asterisk22)


async def called(gateway, text):
    """A caller whose flow has logged this."""
    assert await past_the_gateway(gateway.asterisk, "POST", CALL) == 200
    await logged(gateway, text)


def said(gateway):
    return [json.loads(line)["text"] for line in gateway.log if '"script.log"' in line]


async def talkers(asterisk):
    return [sorted(bridge["channels"]) for bridge in await ari(asterisk, "/bridges") if len(bridge["channels"]) > 1]


@ENDS
async def test_a_saved_call_is_resumed(gateway, end):
    gateway = await gateway(READER + RESUMER)
    await called(gateway, "waiting")
    await getattr(gateway, end)()
    assert len(await inside(gateway.asterisk)) == 1
    await gateway.start()
    line = await ended(gateway)
    assert (line["outcome"], line["hung_up_by"], line["where"]) == ("hung up", "script", "flow.lua:13")
    assert said(gateway)[1:] == ["resumed\t7001\tpbx\tpin\t2"]


@ENDS
async def test_a_call_that_no_script_resumes_is_in_the_dialplan(gateway, end):
    gateway = await gateway(RECORDER)
    await called(gateway, "waiting")
    await until(lambda: is_recorded(gateway.asterisk), what="the call is recorded")
    async with coming_to_playback(gateway.asterisk):
        await getattr(gateway, end)()
        if end == "kill":
            await gateway.start()
    await hang_up_all(gateway.asterisk)


async def test_a_call_that_nobody_is_known_to_own_is_in_the_dialplan_soon(gateway):
    gateway = await gateway("function accepts() return false end\nfunction on_call() end\n", unhandled_after=60)
    await past_the_gateway(gateway.asterisk, "POST", CALL)
    await until(lambda: inside(gateway.asterisk))
    async with coming_to_playback(gateway.asterisk):
        await gateway.kill()
        await gateway.start()
    await hang_up_all(gateway.asterisk)


@pytest.mark.parametrize(("end", "source"), [("stop", DIALLER), ("kill", DIALLER + RESUMER)], ids=["stop", "kill"])
async def test_two_who_talk_are_not_cut(gateway, end, source):
    gateway = await gateway(source)
    await called(gateway, "flow.started")
    (before,) = await until(lambda: talkers(gateway.asterisk), what="the two talk")
    await getattr(gateway, end)()
    assert await talkers(gateway.asterisk) == [before]
    await gateway.start()
    assert await talkers(gateway.asterisk) == [before]
    leg = next(channel for channel in before if "-flow-" in channel)
    if source == DIALLER:
        async with coming_to_playback(gateway.asterisk):
            await past_the_gateway(gateway.asterisk, "DELETE", f"/channels/{leg}")
        await hang_up_all(gateway.asterisk)
    else:
        await past_the_gateway(gateway.asterisk, "DELETE", f"/channels/{leg}")
        assert (await ended(gateway))["where"] == "flow.lua:11"
        ops = await until(lambda: until_destroyed(gateway), what="the end of the bridge is on record")
        # The caller is taken out first: else what is then played to them may get lost.
        assert "bridges.removeChannel" in ops


def until_destroyed(gateway):
    """The operations on record up to the end of a bridge; none while that is not there."""
    ops = [line.get("op") for line in gateway.audit]
    return ops[: ops.index("bridges.destroy") + 1] if "bridges.destroy" in ops else []


async def inside(asterisk):
    return [c for c in await ari(asterisk, "/channels") if c["dialplan"]["app_name"] == "Stasis"]


async def is_recorded(asterisk):
    return (await ari(asterisk, "/recordings/live/restart")).get("state") == "recording"


@asynccontextmanager
async def coming_to_playback(asterisk):
    """Wait until the dialplan plays to a call what those hear whom nobody takes: it takes two seconds only."""

    async def playing():
        return [c for c in await ari(asterisk, "/channels") if c["dialplan"]["app_name"] == "Playback"]

    async with asyncio.TaskGroup() as watch:
        watch.create_task(until(playing, within=60, what="the dialplan plays to the call"))
        yield
