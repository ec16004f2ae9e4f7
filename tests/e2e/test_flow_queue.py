"""The queue of lua/lib: twenty callers, three members, on a real Asterisk."""

from __future__ import annotations

import pytest
from flow_parts import nothing_left
from real.gateway import target
from real.wsclient import greeted

SCRIPT = """
local queue = require "queue"
local sales = queue.new("sales", {{ strategy = "{strategy}", retry = 0.2, announce = false }})
for _, phone in ipairs {{ {phones} }} do sales:add(phone) end
function accepts(call) return call.args[1] == "queue" end
function on_call(call) sales:enter(call) end
"""


@pytest.mark.parametrize("strategy", ["ring-all", "least-recent", "round-robin"])
async def test_each_of_twenty_callers_is_answered_or_abandons_exactly_once(asterisk, gateways, tmp_path, strategy):
    script = tmp_path / "sales.lua"
    phones = ", ".join(f'"Local/600@default/{option}"' for option in ("n", "nb", "nj"))
    script.write_text(SCRIPT.format(strategy=strategy, phones=phones))
    gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": [str(script)]})
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        callers = [await enter(client) for _ in range(20)]
        for channel in callers[5:9]:
            await hang_up(client, channel)
        ends, bridged = await follow(client, 20)
    answered = {channel for channel, how in ends.items() if how == "answered"}
    assert set(ends) == set(callers)
    assert set(ends.values()) <= {"answered", "abandoned"}
    assert len(answered) >= 16
    assert bridged == answered
    last = [seen["data"] for seen in client.seen if seen["type"] == "event" and seen["data"]["type"] == "Queue"][-1]
    assert last["stats"]["answered"] + last["stats"]["abandoned"] == last["stats"]["entered"] == 20
    assert last["waiting"] == 0
    await nothing_left(asterisk)


async def enter(client):
    """A caller in the queue; its channel."""
    params = {"endpoint": "Local/600@default", "appArgs": "queue"}
    made = await client.ask(type="request", op="channels.originate", params=params, flow=True)
    return made["body"]["id"]


async def hang_up(client, channel):
    reply = await client.request("DELETE", f"/channels/{channel}")
    assert reply["status"] in {204, 404}


async def follow(client, count):
    """How each caller's wait ended, by channel, and who talked; each that was answered hangs up then."""
    ends, talked, place = {}, set(), 0
    while len(ends) < count or len(talked) < list(ends.values()).count("answered"):
        while place == len(client.seen):
            await client.receive()
        data = client.seen[place].get("data", {})
        place += 1
        if data.get("type") == "Queue" and data["event"] in {"answered", "abandoned", "timeout"}:
            assert data["channel"] not in ends, data
            ends[data["channel"]] = data["event"]
        channel = data.get("channel")
        if data.get("type") == "ChannelEnteredBridge" and channel["id"] in ends:
            talked.add(channel["id"])
            await hang_up(client, channel["id"])
    return ends, talked
