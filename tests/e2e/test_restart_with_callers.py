"""The gateway stops, or crashes, with callers in all that a flow does, with both kinds of links."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from functools import partial

import pytest
from flow_parts import ari, hang_up_all, past_the_gateway
from real.dialling import dialling
from real.gateway import target
from real.wait import until

SCRIPT = """
local queue = require "queue"
local sales = queue.new("sales", { announce = false })
local doing = {}
function doing.read(call) call:read{ prompt = "tone:ring", timeout = 60 } end
function doing.play(call) call:play("tone:ring") end
function doing.queue(call) sales:enter(call) end
function doing.dial(call) call:dial("Local/600@default/n") end
function accepts(call) return doing[call.args[1]] ~= nil end
function on_call(call)
  call:answer()
  call:save{ what = call.args[1] }
  print("busy", call.id)
  doing[call.args[1]](call)
end
function on_resume(call, saved)
  print("resumed", call.id)
  doing[saved.what](call)
end
"""
KINDS = ("read", "play", "queue", "dial")
EACH = 2


@pytest.fixture
async def site(request, gateways, tmp_path, asterisk22):
    """A gateway with the script, and its Asterisk, by either link; and what ends the gateway."""
    script = tmp_path / "site.lua"
    script.write_text(SCRIPT)
    scripts = {"files": [str(script)]}
    async with AsyncExitStack() as stack:
        if request.param == "outbound":
            pbx = await stack.enter_async_context(dialling())
            gateway = await pbx.gateway(gateways, scripts=scripts)
            yield gateway, partial(pbx.outlive, gateway)
        else:
            gateway = await gateways.start(target(asterisk22, app=asterisk22.app), scripts=scripts)
            gateway.asterisk = asterisk22
            yield gateway, lambda end: getattr(gateway, end)()
        await hang_up_all(gateway.asterisk)


def said(gateway, word):
    lines = (json.loads(line) for line in gateway.log if '"script.log"' in line)
    return [line["text"].split("\t")[1] for line in lines if line["text"].startswith(f"{word}\t")]


async def enter(asterisk, kind):
    query = f"endpoint=Local/600@default&app={asterisk.app}&appArgs={kind}"
    assert await past_the_gateway(asterisk, "POST", f"/channels?{query}") == 200


async def talkers(asterisk):
    bridges = await ari(asterisk, "/bridges")
    return sorted(sorted(bridge["channels"]) for bridge in bridges if len(bridge["channels"]) > 1)


@pytest.mark.parametrize("site", ["outbound", "inbound"], indirect=True)
@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_no_bridge_is_cut_and_every_caller_is_soon_looked_after(site, end):
    site, ends = site
    for kind in KINDS * EACH:
        await enter(site.asterisk, kind)
    await until(lambda: len(said(site, "busy")) == EACH * len(KINDS), within=20, what="all are served")

    async def all_dialled():
        return len(await talkers(site.asterisk)) == EACH

    await until(all_dialled, within=20, what="the dialled ones talk")
    before = await talkers(site.asterisk)
    waiting = set(said(site, "busy")) - {channel for bridge in before for channel in bridge}
    assert len(waiting) == EACH * (len(KINDS) - 1)

    await ends(end)
    assert await talkers(site.asterisk) == before
    await asyncio.gather(*(enter(site.asterisk, kind) for kind in ("read", "play")))
    await site.start()
    ready = time.monotonic()
    await until(lambda: set(said(site, "resumed")) >= waiting, within=5, what="every caller is resumed")
    assert time.monotonic() - ready < 5
    assert set(said(site, "resumed")) == waiting
    assert await talkers(site.asterisk) == before
    if site.asterisk.settings.gateway:
        # Those who came while the gateway was away are served, too; with the other link Asterisk let nobody in.
        await until(lambda: len(said(site, "busy")) == EACH * len(KINDS) + 2, within=5, what="the new ones are served")
