"""The call flows of lua/examples, with callers who stay and callers who leave at any moment."""

from __future__ import annotations

import json

import pytest
from flow_parts import ari, ended, nothing_left, press
from real.gateway import Gateways, target
from real.machine import ROOT
from real.wait import until
from real.wsclient import greeted

EXAMPLES = ROOT / "lua" / "examples"
FLOWS = ("business_hours", "click_to_call", "ivr", "record_with_consent", "sales_queue", "voicemail_drop")
ECHO = "Local/600@default"


def adapted(folder, name):
    """An example whose phones are parties of the private Asterisk."""
    source = (EXAMPLES / f"{name}.lua").read_text()
    for phone in ("PJSIP/200", "PJSIP/201", "PJSIP/202"):
        source = source.replace(phone, ECHO)
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
    assert not [line for line in gateway.log if "script.error" in line]


@pytest.fixture
async def client(office):
    async with greeted(office.url, office.token(endpoints=[ECHO]), subs=[{"sub": 1}]) as client:
        yield client


async def test_a_caller_walks_through_the_menu_to_a_phone(asterisk, gateways, phones, tmp_path):
    answerer = await phones.answerer()
    source = (EXAMPLES / "ivr.lua").read_text()
    script = tmp_path / "ivr.lua"
    script.write_text(source.replace("PJSIP/200", f"PJSIP/loopback/sip:phone@127.0.0.1:{answerer.port}"))
    gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": [str(script)]})
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        caller = await press(phones, tmp_path, asterisk.sip_port, " 9999 1234", ms=3500)
        for media in ("vm-password", "vm-invalidpassword", "vm-password"):
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


async def test_click_to_call_connects_two_phones(office, client):
    reply = await client.ask(type="message", data={"call": ECHO})
    channel = reply["body"]["channel"]
    await client.until(lambda m: m["type"] == "event" and _members(m["data"]) == 2)
    await client.request("DELETE", f"/channels/{channel}")
    await nothing_left(office.asterisk)


async def test_a_message_is_left_after_the_greeting(office, client):
    reply = await client.ask(type="message", data={"drop": "Local/601@default", "media": "sound:beep"})
    channel = reply["body"]["channel"]
    await client.event("StasisStart", id=channel)
    await client.request("DELETE", f"/channels/{channel}")
    await nothing_left(office.asterisk)


@pytest.mark.parametrize("exten", ["7001", "7100", "7200", "7300"])
@pytest.mark.parametrize("events", [2, 5])
async def test_a_caller_who_leaves_at_any_moment_leaves_nothing_behind(office, client, exten, events):
    made = await client.request("POST", "/channels", query={"endpoint": f"Local/{exten}@default"})
    caller = f"{made['body']['id']};2"
    seen = []

    def enough(message):
        data = message.get("data", {})
        if message["type"] == "event" and caller in json.dumps(data) and message not in seen:
            seen.append(message)
        return len([m for m in seen if m["data"]["type"] != "ChannelVarset"]) > events and _entered(seen)

    await client.until(enough)
    await client.request("DELETE", f"/channels/{made['body']['id']}")
    await until(lambda: _flow_over(office, caller), what=f"flow.ended of {caller}")
    await nothing_left(office.asterisk)


def _entered(messages):
    return any(message["data"]["type"] == "StasisStart" for message in messages)


def _flow_over(office, channel):
    return [line for line in office.log if '"flow.ended"' in line and f'"{channel}"' in line]


async def test_a_caller_who_leaves_in_the_middle_of_a_recorded_talk_leaves_nothing_behind(office, client):
    made = await client.request("POST", "/channels", query={"endpoint": "Local/7300@default"})
    await client.until(lambda m: m["type"] == "event" and _plays(m["data"], "conf-now-recording"))
    await client.request("POST", f"/channels/{made['body']['id']}/dtmf", query={"dtmf": "1"})
    await client.until(lambda m: m["type"] == "event" and m["data"]["type"] == "RecordingStarted")
    await client.until(lambda m: m["type"] == "event" and _members(m["data"]) == 2)
    await client.request("DELETE", f"/channels/{made['body']['id']}")
    await nothing_left(office.asterisk)


async def test_business_hours_end_on_their_own(office, client):
    made = await client.request("POST", "/channels", query={"endpoint": "Local/7200@default"})
    caller = f"{made['body']['id']};2"
    line = json.loads((await until(lambda: _flow_over(office, caller), within=15))[0])
    assert line["outcome"] in {"continued", "hung up"}
    for channel in await ari(office.asterisk, "/channels"):
        await client.request("DELETE", f"/channels/{channel['id']}")
