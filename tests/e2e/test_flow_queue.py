"""The queue of lua/lib: twenty phones call, three phones answer, on a real Asterisk whose own events are the judge."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from flow_parts import nothing_left
from real.gateway import target
from real.wsclient import greeted

SCRIPT = """
local queue = require "queue"
local sales = queue.new("sales", {{ strategy = "{strategy}", retry = 0.2, announce = false }})
for _, phone in ipairs {{ {phones} }} do sales:add(phone) end
function on_call(call) sales:enter(call) end
"""
PATIENT, IMPATIENT, AGENTS = 16, 4, 3


@pytest.mark.parametrize("strategy", ["ring-all", "least-recent", "round-robin"])
async def test_each_of_twenty_callers_is_answered_or_abandons_exactly_once(
    asterisk, gateways, phones, tmp_path, strategy
):
    agents = [await phones.answerer(calls=0) for _ in range(AGENTS)]
    endpoints = [f"PJSIP/loopback/sip:agent@127.0.0.1:{agent.port}" for agent in agents]
    script = tmp_path / "sales.lua"
    script.write_text(SCRIPT.format(strategy=strategy, phones=", ".join(f'"{endpoint}"' for endpoint in endpoints)))
    gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": [str(script)]})
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        patient = await phones.call(asterisk.sip_port, "7100", calls=PATIENT)
        impatient = await phones.call(asterisk.sip_port, "7100", scenario="call_or_give_up", calls=IMPATIENT)
        events = await _story(client, callers=PATIENT + IMPATIENT)
        await asyncio.gather(patient.done(), impatient.done())
    told = [event for event in events if event["type"] == "Queue"]
    ends = Counter((event["channel"], event["event"]) for event in told if event["event"] != "entered")
    assert set(ends.values()) == {1}
    assert len({channel for channel, _ in ends}) == PATIENT + IMPATIENT
    answered = {channel for channel, how in ends if how == "answered"}
    talked, impatient = _talked(events), _impatient(events)
    # Who hangs up in the moment of the connection has talked for no time, and may count as abandoned.
    assert answered - impatient == talked - impatient
    assert answered <= talked
    assert {channel for channel, how in ends if how == "abandoned"} == _arrived(events) - answered
    assert told[-1]["stats"] | {"wait_seconds": 0} == {
        "entered": PATIENT + IMPATIENT,
        "answered": len(answered),
        "abandoned": PATIENT + IMPATIENT - len(answered),
        "timeout": 0,
        "full": 0,
        "wait_seconds": 0,
    }
    assert len(answered) >= PATIENT
    assert {event["endpoint"] for event in told if event["event"] == "answered"} <= set(endpoints)
    assert told[-1]["waiting"] == 0
    await nothing_left(asterisk)


async def _story(client, *, callers):
    """All events until every caller is gone, and the queue has told how each of them fared.

    The phones of the queue hang up as soon as they talk.
    """
    events, gone, ends = [], set(), 0
    while len(gone) < callers or ends < callers:
        message = await client.receive()
        if message["type"] != "event":
            continue
        event = message["data"]
        events.append(event)
        if event["type"] == "ChannelDestroyed" and event["channel"]["id"] in _arrived(events):
            gone.add(event["channel"]["id"])
        ends += event["type"] == "Queue" and event["event"] in {"answered", "abandoned", "timeout"}
        if event["type"] == "ChannelEnteredBridge" and len(event["bridge"]["channels"]) == 2:
            [agent] = set(event["bridge"]["channels"]) - _arrived(events)
            await client.send({"type": "request", "id": agent, "method": "DELETE", "path": f"/channels/{agent}"})
    return events


def _arrived(events):
    """The callers, as Asterisk tells them: channels that the dialplan sent to the queue."""
    return {event["channel"]["id"] for event in events if event["type"] == "StasisStart" and not event["args"]}


def _impatient(events):
    callers = [event["channel"] for event in events if event["type"] == "StasisStart"]
    return {caller["id"] for caller in callers if caller["caller"]["name"] == "Impatient phone"}


def _talked(events):
    """The callers who, as Asterisk tells it, were in a bridge with a phone of the queue's."""
    bridges = [event["bridge"]["channels"] for event in events if event["type"] == "ChannelEnteredBridge"]
    return {channel for members in bridges if len(members) == 2 for channel in members} & _arrived(events)
