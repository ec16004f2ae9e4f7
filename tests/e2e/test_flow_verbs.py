"""Each verb of a call, on real Asterisks, and who owns which call."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from flow_parts import ari, ended, nothing_left, past_the_gateway
from real.gateway import Gateways, target
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import greeted

PARTIES = {"recorded": "Local/601@default"}
"""Who is called, where it matters: recording takes somebody who says something."""
SCRIPT = Path(__file__).with_name("flow_verbs.lua")


@pytest.fixture(scope="module")
async def office(asterisk, tmp_path_factory):
    """A gateway that gets the dialplan's calls, with the script of the verbs."""
    gateways = Gateways(tmp_path_factory.mktemp("office"))
    files = [str(SCRIPT)]
    gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": files})
    gateway.asterisk = asterisk
    yield gateway
    try:
        await nothing_left(asterisk)
    finally:
        await gateways.stop()


@pytest.fixture
async def client(office):
    async with greeted(office.url, office.token(), subs=[{"sub": 1}]) as client:
        yield client


async def start(client, *args, endpoint="Local/600@default", **request):
    """A call that answers and is taken to the script with these arguments; its channel."""
    params = {"endpoint": endpoint, "appArgs": ",".join(args)}
    reply = await client.ask(type="request", op="channels.originate", params=params, flow=True, **request)
    assert reply["status"] == 200, reply
    return reply["body"]["id"]


async def told(office, by, count=1):
    """What the script told in a run with that argument."""

    def words():
        lines = [json.loads(line) for line in office.log if '"told"' in line]
        found = [line["fields"]["words"] for line in lines if line["fields"]["by"] == by]
        return found if len(found) >= count else []

    return await until(words, what=f"{by} tells")


async def over(office, channel):
    """The log's line of the flow of a channel."""

    def lines():
        return [
            line for line in map(json.loads, office.log) if line["event"] == "flow.ended" and line["channel"] == channel
        ]

    return (await until(lines, what=f"flow.ended of {channel}"))[0]


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("busy", ["busy"]),
        ("nobody", ["noanswer"]),
        ("nowhere", ["unavailable"]),
        ("variables", ["blue 4711 nil"]),
        ("state", ["true"]),
        ("spoken", ["failed"]),
        ("recorded", ["done"]),
    ],
)
async def test_a_verb(office, client, verb, words):
    channel = await start(client, verb, office.asterisk.release, endpoint=PARTIES.get(verb, "Local/600@default"))
    assert await told(office, verb) == words
    line = await over(office, channel)
    assert (line["outcome"], line["hung_up_by"]) == ("hung up", "script")
    await nothing_left(office.asterisk)


async def test_the_first_of_several_phones_that_answers_gets_the_call(office, client):
    channel = await start(client, "first")
    entered = [await client.event("ChannelEnteredBridge"), await client.event("ChannelEnteredBridge", id=channel)]
    assert entered
    bridge = entered[1]["data"]["bridge"]["id"]
    await until(lambda: _members(office, bridge, 2), what="two in the bridge")
    await client.request("DELETE", f"/channels/{channel}")
    line = await over(office, channel)
    assert (line["outcome"], line["hung_up_by"]) == ("hung up", "client")
    await nothing_left(office.asterisk)


@pytest.mark.parametrize(
    ("args", "seen"),
    [((), {"name": "Ann", "number": "4711"}), (("Desk <77>",), {"name": "Desk", "number": "77"})],
    ids=["the caller's", "another"],
)
async def test_a_phone_that_rings_shows_a_number(office, client, args, seen):
    channel = await start(client, "shown", *args)
    other = await client.until(lambda m: m["type"] == "event" and _arrives(m["data"], "Local/7003@"))
    assert other["data"]["channel"]["caller"] == seen
    await client.request("DELETE", f"/channels/{channel}")
    await nothing_left(office.asterisk)


def _arrives(event, name):
    if event["type"] != "StasisStart":
        return False
    return event["channel"]["name"].startswith(name) and event["channel"]["name"].endswith(";2")


async def _members(office, bridge, count):
    return len((await ari(office.asterisk, f"/bridges/{bridge}")).get("channels", ())) == count


async def test_a_script_that_raises_while_a_party_is_connected_leaves_only_the_caller(office, client):
    channel = await start(client, "raises")
    line = await over(office, channel)
    assert (line["outcome"], line["where"][:15]) == ("error", "flow_verbs.lua:")
    await until(lambda: _only(office, channel), what="the caller's channel, and no other")
    assert (await client.request("DELETE", f"/channels/{channel}"))["status"] == 204
    await nothing_left(office.asterisk)


async def _only(office, channel):
    left = [item["id"] for kind in ("/channels", "/bridges") for item in await ari(office.asterisk, kind)]
    return sorted(left) == [channel, f"{channel};2"]


async def test_a_script_that_runs_over_its_budget_leaves_the_call_to_the_dialplan(office, client):
    channel = await start(client, "endless")
    assert (await over(office, channel))["outcome"] == "budget"
    told = await client.until(lambda m: m["type"] == "event" and m["data"].get("variable") == "ARIBRIDGE_RESULT")
    assert told["data"]["value"] == "budget"
    assert (await client.request("DELETE", f"/channels/{channel}"))["status"] == 204


async def test_a_call_that_is_kept_is_the_clients(office, client):
    channel = await start(client, "kept")
    assert (await told(office, "kept"))[0].startswith("the call has left this script, by call:keep()")
    assert (await over(office, channel))["outcome"] == "kept"
    assert (await client.request("DELETE", f"/channels/{channel}"))["status"] == 204


async def test_the_state_of_calls_shows_who_owns_a_call(office):
    async with greeted(office.url, office.token(), subs=[{"sub": 1, "mode": "state"}]) as client:
        channel = await start(client, "lets_go")
        owned = {"owner": "flow_verbs.lua"}
        await client.until(lambda m: owned in _owners(m, channel))
        assert (await _state(office))["channels"][channel]["aribridge"] == owned
        assert (await client.ask(type="message", data={"let_go": channel}))["body"] is True
        await client.until(lambda m: None in _owners(m, channel))
        assert "aribridge" not in (await _state(office))["channels"][channel]
        assert (await client.request("DELETE", f"/channels/{channel}"))["status"] == 204
    await nothing_left(office.asterisk)


def _owners(message, channel):
    """What a patch says of a channel's owner."""
    changes = [change for change in message.get("changes", ()) if change["id"] == channel]
    values = [change.get("merge") or change.get("put") or {} for change in changes]
    return [value["aribridge"] for value in values if "aribridge" in value]


async def _state(office):
    headers = {"Authorization": f"Bearer {office.token()}"}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{office.url}/v1/state") as response:
        return (await response.json())["state"]


async def test_a_call_goes_on_where_the_script_says(office, client):
    channel = await start(client, "onward")
    assert (await over(office, channel))["outcome"] == "continued"
    await client.until(
        lambda m: (
            m["type"] == "event"
            and m["data"].get("dialplan_app") == "Echo"
            and m["data"].get("channel", {}).get("id") == channel
        )
    )
    assert (await client.request("DELETE", f"/channels/{channel}"))["status"] == 204


async def test_mistakes_are_told_in_sentences(office, client):
    await start(client, "wrong")
    words = await told(office, "wrong", 4)
    assert [word for word in words if word.startswith("call:")] == words
    assert "has no option medai" in words[0]


async def test_digits_reach_their_handler_which_may_end_the_call(office, client):
    channel = await start(client, "pressed", endpoint="Local/7002@default")
    other = await client.until(
        lambda m: m["type"] == "event" and m["data"]["type"] == "StasisStart" and m["data"]["channel"]["id"] != channel
    )
    sent = await client.request("POST", f"/channels/{other['data']['channel']['id']}/answer")
    assert sent["status"] == 204
    await client.event("StasisStart", id=channel)
    await client.request("POST", f"/channels/{other['data']['channel']['id']}/dtmf", query={"dtmf": "49"})
    assert await told(office, "pressed") == ["49"]
    assert (await over(office, channel))["hung_up_by"] == "script"


async def test_a_channel_that_a_client_makes_is_its_own(office, client):
    made = await client.request("POST", "/channels", query={"endpoint": "Local/600@default", "appArgs": "waits"})
    await client.event("StasisStart", id=made["body"]["id"])
    assert (await client.request("DELETE", f"/channels/{made['body']['id']}"))["status"] == 204
    assert not [line for line in office.log if "flow.started" in line and made["body"]["id"] in line]


async def test_the_gateway_stops_and_leaves_no_call_in_silence(asterisk22, gateways):
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(SCRIPT)]})
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        await client.event("StasisStart", id=await start(client, "waits"))
    await gateway.stop()
    line = await ended(gateway)
    assert line["outcome"] == "error"
    await until(lambda: _is_in_echo(asterisk22, line["channel"]), what="the call goes on in the dialplan")
    await past_the_gateway(asterisk22, "DELETE", f"/channels/{line['channel']}")
    await nothing_left(asterisk22)


async def _is_in_echo(asterisk, channel):
    return (await ari(asterisk, f"/channels/{channel}"))["dialplan"]["app_name"] == "Echo"


async def test_what_happens_while_the_link_is_down_is_found_out_afterwards(asterisk22, gateways):
    address = urlsplit(asterisk22.ari_url)
    async with faulty_proxy(address.port) as proxy:
        section = target(asterisk22, url=f"http://127.0.0.1:{proxy.port}/ari")
        gateway = await gateways.start(section, scripts={"files": [str(SCRIPT)]})
        async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
            waiting = [await start(client, verb) for verb in ("waits", "plays")]
            for channel in waiting:
                await client.event("StasisStart", id=channel)
            await client.until(lambda m: m["type"] == "event" and m["data"]["type"] == "PlaybackStarted")
            proxy.drop()
            await past_the_gateway(asterisk22, "DELETE", f"/channels/{waiting[0]}")
            assert (await over(gateway, waiting[0]))["hung_up_by"] == "caller"
            assert await told(gateway, "plays") == ["done"]
        await gateway.stop()
    await nothing_left(asterisk22)
