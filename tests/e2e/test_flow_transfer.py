"""Calls are passed on: by the caller's phone, or after somebody was asked; whoever leaves in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flow_parts import nothing_left
from real.gateway import Gateways, target
from real.wait import until
from real.wsclient import greeted

SCRIPT = Path(__file__).with_name("transfers.lua")
DESK, OTHER = "7804", "7805"
"""The party that is dialled, and the one that it consults; the test acts for both."""


@pytest.fixture(scope="module")
async def office(asterisk, tmp_path_factory):
    gateways = Gateways(tmp_path_factory.mktemp("transfers"))
    gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": [str(SCRIPT)]})
    gateway.asterisk = asterisk
    yield gateway
    await gateways.stop()


@pytest.fixture
async def client(office):
    async with greeted(office.url, office.token(), subs=[{"sub": 1}]) as client:
        yield client
    await nothing_left(office.asterisk)


class Party:
    """A phone that the test acts for: the half of a Local channel that the dialplan sent to the gateway."""

    def __init__(self, client, exten):
        self._client, self._exten = client, exten
        self.channel = ""

    async def rings(self):
        start = await self._client.until(
            lambda m: (
                m["type"] == "event"
                and m["data"]["type"] == "StasisStart"
                and self._is_me(m["data"]["channel"]["name"])
            )
        )
        self.channel = start["data"]["channel"]["id"]
        return self

    def _is_me(self, name):
        return name.startswith(f"Local/{self._exten}@") and name.endswith(";2")

    async def answers(self):
        await self.rings()
        assert (await self._client.request("POST", f"/channels/{self.channel}/answer"))["status"] == 204

    async def presses(self, digit):
        path = f"/channels/{self.channel}/dtmf"
        assert (await self._client.request("POST", path, query={"dtmf": digit}))["status"] == 204

    async def hangs_up(self):
        assert (await self._client.request("DELETE", f"/channels/{self.channel}"))["status"] == 204


@pytest.fixture
async def desk(client):
    return Party(client, DESK)


@pytest.fixture
async def other(client):
    return Party(client, OTHER)


@pytest.fixture
async def caller(office, client):
    """A caller, by the extension that is called."""

    async def call(exten):
        made = await client.request("POST", "/channels", query={"endpoint": f"Local/{exten}@default"})
        party = Party(client, exten)
        party.channel, party.flow = made["body"]["id"], f"{made['body']['id']};2"
        return party

    return call


async def told(office, flow, count=1):
    """What the script told of a call."""

    def words():
        lines = [json.loads(line) for line in office.log if '"told"' in line]
        found = [line["fields"]["words"] for line in lines if line["fields"]["by"] == flow]
        return found if len(found) >= count else []

    return await until(words, what=f"{flow} tells")


async def talk(client, *parties, after=0):
    """Wait until nobody but these parties, by their extensions, is in a bridge; the place of that in what was seen."""
    place = after
    while True:
        while place == len(client.seen):
            await client.receive()
        data = client.seen[place].get("data", {})
        place += 1
        if data.get("type") == "ChannelEnteredBridge" and _members(client, data["bridge"]) == set(parties):
            return place


def _members(client, bridge):
    events = [message["data"] for message in client.seen if message["type"] == "event"]
    names = {event["channel"]["id"]: event["channel"]["name"] for event in events if "channel" in event}
    return {names[channel].partition("/")[2].partition("@")[0] for channel in bridge["channels"]}


async def consulting(client, caller, desk, exten="7800"):
    """A caller who talked to the desk, which now asks another party; the caller."""
    party = await caller(exten)
    await desk.answers()
    await talk(client, exten, DESK)
    await desk.presses("#")
    return party


async def test_who_was_asked_gets_the_caller_when_the_one_who_asked_hangs_up(office, client, caller, desk, other):
    party = await consulting(client, caller, desk)
    await other.answers()
    asked = await talk(client, DESK, OTHER)
    await desk.hangs_up()
    await talk(client, "7800", OTHER, after=asked)
    assert await told(office, party.flow) == ["transfer answered Local/7805@default"]
    await other.hangs_up()
    assert (await told(office, party.flow, 2))[1] == "dial answered Local/7805@default"


async def test_a_consultation_that_is_cancelled_leads_back_to_the_caller(office, client, caller, desk, other):
    party = await consulting(client, caller, desk)
    await other.answers()
    asked = await talk(client, DESK, OTHER)
    await desk.presses("*")
    await talk(client, "7800", DESK, after=asked)
    assert await told(office, party.flow) == ["transfer cancelled"]
    await party.hangs_up()


async def test_a_party_that_is_busy_leads_back_to_the_caller(office, client, caller, desk):
    party = await consulting(client, caller, desk, "7801")
    assert await told(office, party.flow) == ["transfer busy"]
    await desk.hangs_up()
    assert (await told(office, party.flow, 2))[1] == "dial answered Local/7804@default"


async def test_who_hangs_up_while_it_rings_leaves_the_caller_to_be_answered(office, client, caller, desk, other):
    party = await consulting(client, caller, desk)
    await other.rings()
    await desk.hangs_up()
    await other.answers()
    await talk(client, "7800", OTHER)
    await party.hangs_up()


@pytest.mark.parametrize("moment", ["rings", "answers"])
async def test_a_caller_who_leaves_meanwhile_leaves_nothing_behind(client, caller, desk, other, moment):
    party = await consulting(client, caller, desk)
    await getattr(other, moment)()
    await party.hangs_up()


async def test_a_party_that_accepts_gets_the_caller(office, client, caller, other):
    party = await caller("7802")
    await other.answers()
    await other.presses("1")
    await talk(client, "7802", OTHER)
    await other.hangs_up()
    assert await told(office, party.flow) == ["transfer answered Local/7805@default"]


async def test_a_caller_may_take_a_transfer_back(office, client, caller, other):
    party = await caller("7802")
    await other.rings()
    await party.presses("*")
    assert await told(office, party.flow) == ["transfer cancelled"]


async def test_a_party_that_does_not_accept_does_not_get_the_caller(office, client, caller, other):
    party = await caller("7802")
    await other.answers()
    await client.until(lambda m: m["type"] == "event" and m["data"]["type"] == "PlaybackStarted")
    await other.hangs_up()
    assert await told(office, party.flow) == ["transfer cancelled"]


async def test_a_phone_is_told_who_comes_and_gets_the_caller(office, client, phones):
    target = await phones.answerer()
    assert (await client.ask(type="message", data={"phone": str(target.port)}))["body"] is True
    caller = await phones.call(office.asterisk.sip_port, "7803")
    start = await client.until(lambda m: m["type"] == "event" and m["data"]["type"] == "StasisStart")
    await client.until(lambda m: m["type"] == "event" and _members_count(m["data"]) == 2)
    channel = start["data"]["channel"]["id"]
    assert (await client.request("DELETE", f"/channels/{channel}"))["status"] == 204
    await caller.done()
    await target.done()


def _members_count(event):
    return len(event["bridge"]["channels"]) if event["type"] == "ChannelEnteredBridge" else 0


@pytest.mark.parametrize(
    ("exten", "scenario"), [("7810", "call_and_take_refer"), ("7811", "call_and_be_redirected")], ids=["refer", "302"]
)
async def test_a_phone_that_is_told_to_calls_elsewhere(office, client, phones, exten, scenario):
    phone = await phones.call(office.asterisk.sip_port, exten, scenario=scenario)
    await phone.done()
    line = await _summary(office, exten)
    assert (line["outcome"], line["hung_up_by"]) == ("transferred", "")
    assert line["where"].startswith("transfers.lua:")


async def test_a_phone_that_refuses_stays_with_the_script(office, client, phones):
    phone = await phones.call(office.asterisk.sip_port, "7812", scenario="call_and_refuse_refer")
    await phone.done()
    line = await _summary(office, "7812")
    assert (line["outcome"], line["hung_up_by"]) == ("hung up", "script")
    assert await told(office, line["channel"]) == ["transfer false"]


async def _summary(office, exten):
    def lines():
        ended = [json.loads(line) for line in office.log if '"flow.ended"' in line]
        return [line for line in ended if line["exten"] == exten]

    return (await until(lines, what=f"flow.ended of {exten}"))[0]
