"""The call flows of lua/examples, with callers who stay and callers who leave at any step."""

from __future__ import annotations

import itertools
import json

import pytest
from flow_parts import ended, nothing_left, press
from real.gateway import Gateways, target
from real.machine import ROOT
from real.wait import until
from real.wsclient import greeted

EXAMPLES = ROOT / "lua" / "examples"
ECHO = "Local/600@default"
FLOWS = {
    "business_hours": "7200",
    "click_to_call": {"call": ECHO},
    "ivr": "7001",
    "record_with_consent": "7300",
    "sales_queue": "7100",
    "voicemail_drop": {"drop": ECHO, "media": "sound:vm-goodbye"},
}
"""How each comes by its caller: an extension that is called, or a message."""
SHORTER = {
    "PJSIP/200": ECHO,
    "PJSIP/201": f"{ECHO}/n",
    "PJSIP/202": f"{ECHO}/nj",
    "GREETING = 20": "GREETING = 1",
}
"""What tests change in examples: phones are parties of the private Asterisk, and nobody greets for long."""
DIGITS = {"sound:vm-password": "1234", "sound:conf-now-recording": "1"}
"""What callers press when they hear this."""
STEPS = 12
_numbers = itertools.count()
NOISE = {"ChannelVarset", "ChannelDialplan"}


def adapted(folder, name):
    source = (EXAMPLES / f"{name}.lua").read_text()
    for original, replacement in SHORTER.items():
        source = source.replace(original, replacement)
    script = folder / f"{name}.lua"
    script.write_text(source)
    return str(script)


@pytest.fixture(scope="module")
async def office(asterisk, tmp_path_factory):
    """A gateway with all examples of call flows."""
    folder = tmp_path_factory.mktemp("examples")
    gateways = Gateways(folder)
    files = [adapted(folder, name) for name in FLOWS]
    gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": files})
    gateway.asterisk = asterisk
    yield gateway
    try:
        await nothing_left(asterisk)
    finally:
        await gateways.stop()
    errors = [line for line in gateway.log if "script.error" in line]
    assert not errors, "\n".join(errors)


@pytest.fixture
async def client(office):
    async with greeted(office.url, office.token(endpoints=[ECHO]), subs=[{"sub": 1}]) as client:
        yield client


async def test_a_caller_walks_through_the_menu_to_a_phone(asterisk, gateways, phones, tmp_path):
    answerer = await phones.answerer()
    source = (EXAMPLES / "ivr.lua").read_text().replace("vm-invalidpassword", "beep")
    script = tmp_path / "ivr.lua"
    script.write_text(source.replace("PJSIP/200", f"PJSIP/loopback/sip:phone@127.0.0.1:{answerer.port}"))
    gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": [str(script)]})
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        caller = await press(phones, tmp_path, asterisk.sip_port, " 9999 1234", ms=6500)
        for media in ("vm-password", "beep"):
            await client.until(lambda m, media=media: m["type"] == "event" and _plays(m["data"], media))
        await client.until(lambda m: m["type"] == "event" and _members(m["data"]) == 2)
        await caller.done()
        await answerer.done()
    line = await ended(gateway)
    assert (line["script"], line["outcome"], line["hung_up_by"]) == ("ivr.lua", "hung up", "caller")
    await nothing_left(asterisk)


def _plays(event, media):
    return event["type"] == "PlaybackStarted" and event["playback"]["media_uri"] == f"sound:{media}"


def _members(event):
    return len(event["bridge"]["channels"]) if event["type"] == "ChannelEnteredBridge" else 0


class Caller:
    """One who calls, presses what is asked for, and hangs up after so many events, or once somebody talks to it.

    Events count once the flow has the call; who hangs up after none does so at the very first one.

    `flow` is the channel that the flow owns, `channel` the one that the test acts on.
    """

    def __init__(self, client, channel, flow, steps):
        self._client, self._channel, self._flow, self._steps = client, channel, flow, steps
        self._counts = steps == 0
        self._pressed = self._left = self.gone = False

    @classmethod
    async def begin(cls, client, how, steps):
        if isinstance(how, dict):
            channel = (await client.ask(type="message", data=how))["body"]["channel"]
            return cls(client, channel, channel, steps)
        made = await client.request("POST", "/channels", query={"endpoint": f"Local/{how}@default"})
        return cls(client, made["body"]["id"], f"{made['body']['id']};2", steps)

    async def sees(self, event):
        if event["type"] in NOISE or f'"{self._flow}"' not in json.dumps(event).replace("channel:", ""):
            return
        self.gone = self.gone or event["type"] == "ChannelDestroyed"
        await self._press(DIGITS.get(event.get("playback", {}).get("media_uri")))
        self._counts = self._counts or event["type"] == "StasisStart"
        self._steps -= self._counts
        if self._steps < 0 or _members(event) == 2 or event["type"] == "StasisEnd":
            await self._leave()

    async def _press(self, digits):
        if digits and not self._pressed:
            self._pressed = True
            await self._act("channels.sendDTMF", dtmf=digits)

    async def _leave(self):
        if not self._left:
            self._left = True
            await self._act("channels.hangup")

    async def _act(self, op, **params):
        params["channelId"] = self._channel
        await self._client.send({"type": "request", "id": f"act-{next(_numbers)}", "op": op, "params": params})


@pytest.mark.parametrize("name", FLOWS)
async def test_a_caller_who_leaves_at_any_step_leaves_nothing_behind(office, client, name):
    callers = [await Caller.begin(client, FLOWS[name], steps) for steps in range(STEPS)]
    place = 0
    while not all(caller.gone for caller in callers):
        while place == len(client.seen):
            await client.receive()
        message = client.seen[place]
        place += 1
        if message["type"] == "event":
            for caller in callers:
                await caller.sees(message["data"])
    await until(lambda: _flows(office, name, "ended") == _flows(office, name, "started"), what="all flows are over")
    assert _flows(office, name, "started") >= STEPS - 1
    await nothing_left(office.asterisk)


def _flows(office, name, what):
    lines = [line for line in office.log if f'"flow.{what}"' in line]
    return len([line for line in lines if f'"{name}.lua"' in line])


def test_every_example_that_owns_calls_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.lua") if "function on_call(" in path.read_text()} == set(FLOWS)


async def test_click_to_call_connects_two_phones(office, client):
    reply = await client.ask(type="message", data={"call": ECHO})
    channel = reply["body"]["channel"]
    await client.until(lambda m: m["type"] == "event" and _members(m["data"]) == 2)
    await client.request("DELETE", f"/channels/{channel}")
    await nothing_left(office.asterisk)


async def test_a_message_is_left_after_the_greeting(office, client):
    reply = await client.ask(type="message", data=FLOWS["voicemail_drop"])
    channel = reply["body"]["channel"]
    await client.until(lambda m: m["type"] == "event" and _plays(m["data"], "vm-goodbye"))
    await client.event("ChannelDestroyed", id=channel)
    await nothing_left(office.asterisk)
