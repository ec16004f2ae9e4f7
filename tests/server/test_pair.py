"""Two gateways on one application: one serves, one stands by, and a takeover cuts no call."""

import asyncio
import itertools
import json
import re
import sys
import time
from contextlib import AsyncExitStack, suppress

import pytest
from models.gateway_clients import ari, following
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.wait import until
from real.wsclient import greeted

TALKS = 5
MOST_SECONDS = 5.0
WAITER = """
function on_call(call)
  call:answer()
  call:save{ step = "waiting" }
  print("waiting")
  call:read{ timeout = 1 }
  call:read{ timeout = 60 }
end
function on_resume(call, saved)
  print("resumed", saved and saved.step)
  call:read{ timeout = 60 }
end
"""


async def pair(gateways, asterisk):
    """A gateway that serves, and one that stands by."""
    app = target(asterisk)["app"]
    first = await gateways.start(target(asterisk, app=app), state=gateways.short_state())
    second = await standing_by(gateways, asterisk, app)
    return first, second


async def standing_by(gateways, asterisk, app):
    section = target(asterisk, app=app, standby=True)
    return await gateways.start(section, state=gateways.short_state(), ready=False)


async def takeover(gateway, *arguments):
    """Run `aribridge takeover`: exit code and what it printed."""
    command = (sys.executable, "-m", "aribridge", "takeover", *arguments, "-c", str(gateway.config))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, (output or errors).decode()


async def readiness(gateway):
    status, text = await gateway.admin("/readyz")
    (told,) = json.loads(text)["targets"]
    return status, told


async def talk(call, app, number):
    """Two parties in a bridge."""
    channels = [f"pair-{number}-a", f"pair-{number}-b"]
    for channel in channels:
        await call("POST", f"/channels/{channel}", app=app, endpoint="Local/600@default")
    await call("POST", f"/bridges/pair-{number}", type="mixing")
    for channel in channels:
        await until(lambda channel=channel: joined(call, f"pair-{number}", channel), what=f"{channel} is in its bridge")


async def joined(call, bridge, channel):
    with suppress(AssertionError):
        await call("POST", f"/bridges/{bridge}/addChannel", channel=channel)
        return True
    return False


async def traffic(call):
    """Calls outside the application that come and go, until cancelled."""
    for number in itertools.count():
        channel = f"traffic-{number}"
        query = {"endpoint": "Local/600@default", "context": "default", "extension": "600", "priority": "1"}
        await call("POST", f"/channels/{channel}", **query)
        await asyncio.sleep(0.05)
        await call("DELETE", f"/channels/{channel}")


def bridges(state):
    return {ident: sorted(bridge["channels"]) for ident, bridge in state["bridges"].items()}


async def truth(call):
    channels, bridges = await call("GET", "/channels"), await call("GET", "/bridges")
    return {one["id"] for one in channels}, {one["id"]: sorted(one["channels"]) for one in bridges}


@pytest.mark.parametrize("release", ["22", "16"])
async def test_a_takeover_under_calls(gateways, release):
    async with (
        fresh_asterisk(release) as asterisk,
        ari(asterisk) as call,
        AsyncExitStack() as clients,
    ):
        first, second = await pair(gateways, asterisk)
        before = await clients.enter_async_context(following(first, mode="state"))
        after = await clients.enter_async_context(following(second, mode="state"))
        events = await clients.enter_async_context(following(second))
        app = (await call("GET", "/applications"))[0]["name"]
        await asyncio.gather(*(talk(call, app, number) for number in range(TALKS)))
        talking = await truth(call)
        await until(lambda: after.waits and events.waits, what="its clients are told to wait")
        status, told = await readiness(second)
        assert (status, told["up"], told["standby"]) == (503, False, True)
        assert "Standing by" in told["reason"]
        assert "aribridge takeover pbx" in told["reason"]
        async with greeted(second.url, second.token()) as client:
            assert client.seen[0]["targets"][0]["up"] is False
            error = (await client.request("GET", "/channels"))["error"]
            assert (error["code"], error["retry"], error["outcome"]) == ("target_down", "after", "not_applied")

        busy = asyncio.create_task(traffic(call))
        started = time.monotonic()
        code, output = await takeover(second)
        assert (code, "pbx: taken over in" in output) == (0, True), output
        seconds = float(re.search(r"in ([\d.]+) s", output)[1])
        assert seconds < MOST_SECONDS
        await until(lambda: not after.waits and not after.page and after.state, what="gap and snapshot")
        whole = time.monotonic() - started
        sys.stdout.write(f"Asterisk {release}: {seconds:.2f} s, {whole:.2f} s with the command and the snapshot\n")
        await until(lambda: before.waits, what="the first gateway's client is told")
        busy.cancel()
        with suppress(asyncio.CancelledError):
            await busy
        channels, in_bridges = await truth(call)
        assert talking[0] <= channels, "no call was cut"
        assert talking[1] == in_bridges
        await until(lambda: of_nobody_else(after, call), what="the state is Asterisk's own")
        assert after.reasons == ["upstream_lost", "upstream_lost"]

        status, told = await readiness(second)
        assert (status, told["up"], told["standby"], told["reason"]) == (200, True, False, "")
        status, told = await readiness(first)
        assert (status, told["standby"], "took the application" in told["reason"]) == (503, True, True)
        async with greeted(second.url, second.token()) as client:
            await client.request("DELETE", "/channels/pair-0-a")
        await until(lambda: has_event(events, "ChannelDestroyed", "pair-0-a"), what="events come from the second")
        assert (await takeover(second, "pbx"))[1].strip() == "pbx: this gateway serves it already."
        # And back.
        assert (await takeover(first, "pbx"))[0] == 0
        await until(lambda: after.waits, what="the second stands by again")
        await until(lambda: not before.waits and not before.page, what="the first one's client goes on")


async def of_nobody_else(follower, call):
    return (set(follower.state["channels"]), bridges(follower.state)) == await truth(call)


def has_event(follower, kind, channel):
    return any(event["type"] == kind and event["channel"]["id"] == channel for _, _, event in follower.got)


async def test_the_calls_of_flows_are_left_alone_by_who_lost_them_and_resumed_on_the_way_back(gateways, tmp_path):
    script = tmp_path / "waiter.lua"
    script.write_text(WAITER)
    caller = {"endpoint": "Local/7001@default/n", "context": "default", "extension": "600", "priority": "1"}
    async with fresh_asterisk("22") as asterisk, ari(asterisk) as call:
        section, scripts = target(asterisk, app=asterisk.app), {"files": [str(script)]}
        gateway = await gateways.start(section, state=gateways.short_state(), scripts=scripts)
        await call("POST", "/channels", **caller)
        await until(lambda: any('"waiting"' in line for line in gateway.log), what="a caller waits in the flow")
        callers = (await truth(call))[0]
        second = await standing_by(gateways, asterisk, asterisk.app)
        assert (await takeover(second))[0] == 0
        await until(lambda: any("flow.suspended" in line for line in gateway.log), what="the flow is left")
        assert (await truth(call))[0] == callers
        assert not any("flow.ended" in line or "flow.left_behind" in line for line in gateway.log)
        assert (await takeover(gateway))[0] == 0
        await until(lambda: any("resumed\\twaiting" in line for line in gateway.log), what="the flow goes on")
        assert (await truth(call))[0] == callers
        for channel in callers:
            await call("DELETE", f"/channels/{channel}")
        await until(lambda: any("flow.ended" in line for line in gateway.log), what="the flow ends with its call")


async def test_a_takeover_that_cannot_be(gateways):
    async with fresh_asterisk("22") as asterisk:
        state = gateways.short_state()
        gateway = await gateways.start(target(asterisk), target(asterisk, name="other"), state=state)
        code, output = await takeover(gateway)
        assert (code, "pbx" in output, "other" in output) == (1, True, True)
        code, output = await takeover(gateway, "pbs")
        assert (code, 'Did you mean "pbx"?' in output) == (1, True)
        await asterisk.stop()
        await until(lambda: down(gateway) == {"pbx", "other"}, what="both links are down")
        code, output = await takeover(gateway, "pbx")
        assert code == 1
        assert asterisk.ari_url in output


def down(gateway):
    """The targets whose links went down: why is logged again where the reason is another one."""
    return {json.loads(line)["target"] for line in gateway.log if "link.down" in line}


async def test_the_one_that_stands_by_serves_when_the_other_is_gone(gateways):
    async with fresh_asterisk("22") as asterisk, ari(asterisk) as call:
        first, second = await pair(gateways, asterisk)
        app = (await call("GET", "/applications"))[0]["name"]
        await talk(call, app, 1)
        async with following(second, mode="state") as client:
            await until(lambda: client.waits, what="the client is told to wait")
            killed = time.monotonic()
            await first.kill()
            await until(lambda: not client.waits and not client.page, within=40, what="the second serves by itself")
            sys.stdout.write(f"by itself {time.monotonic() - killed:.1f} s after the other was killed\n")
            assert bridges(client.state)["pair-1"] == ["pair-1-a", "pair-1-b"]
