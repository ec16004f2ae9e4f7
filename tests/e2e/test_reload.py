"""Scripts loaded anew under load: SIGHUP at the real gateway, beside commands and calls."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from real.gateway import Gateway, target
from real.wait import until
from real.wsclient import Client, greeted

SCRIPT = """\
local ari, bridge = require "ari", require "bridge"
local VERSION = %d

function on_command(conn, cmd)
  if cmd.op == "asterisk.ping" then ari.asterisk.getInfo{only = "build"} end
  return cmd
end

function on_call(call)
  call:answer()
  repeat bridge.sleep(100) until bridge.kv.get("go")
  bridge.publish{type = "FlowOver", version = VERSION}
  call:hangup()
end

function on_message(conn, data)
  if data == "go" then bridge.kv.set("go", true) end
  return VERSION
end
"""
CALLS, CLIENTS, COMMANDS, RELOADS = 20, 4, 250, 100


def told(gateway: Gateway, event: str) -> int:
    return sum(event in line for line in gateway.log)


def write(script: Path, source: str) -> None:
    script.write_text(source)


async def reload(gateway: Gateway, script: Path, watcher: Client) -> None:
    """Reload again and again; each third version is broken, and changes nothing."""
    good = 0
    for number in range(1, RELOADS + 1):
        broken = number % 3 == 0
        write(script, "function on_call(" if broken else SCRIPT % number)
        event = "scripts.kept" if broken else "scripts.reloaded"
        before = told(gateway, event)
        os.kill(gateway.pid, signal.SIGHUP)
        await until(lambda event=event, before=before: told(gateway, event) > before, every=0.01, what=event)
        good = good if broken else number
        assert (await watcher.ask(type="message", data="which"))["body"] == good


async def command(client: Client, reloading: asyncio.Task[None]) -> list[int]:
    """Commands without a pause, as many as are wanted and for as long as scripts are being reloaded."""
    statuses: list[int] = []
    while len(statuses) < COMMANDS or not reloading.done():
        statuses.append((await client.ask(type="request", op="asterisk.ping"))["status"])
    return statuses


async def living(client: Client, channels: list[str]) -> bool:
    """Whether all these channels are up."""
    states = {
        channel["id"]: channel["state"] for channel in (await client.ask(type="request", op="channels.list"))["body"]
    }
    return all(states.get(channel) == "Up" for channel in channels)


async def test_no_command_is_lost_and_no_call_is_cut(gateways, asterisk22, tmp_path):
    script = tmp_path / "reloaded.lua"
    script.write_text(SCRIPT % 0)
    scripts = {"files": [str(script)]}
    gateway = await gateways.start(target(asterisk22), scripts=scripts, state=str(tmp_path / "state"))
    async with AsyncExitStack() as stack:
        watcher, *clients = [
            await stack.enter_async_context(greeted(gateway.url, gateway.token())) for _ in range(1 + CLIENTS)
        ]
        await watcher.ask(type="subscribe", sub=1, mode="events", filter={"type": ["FlowOver"]})
        channels = []
        for _ in range(CALLS):
            params = {"endpoint": "Local/600@default"}
            reply = await watcher.ask(type="request", op="channels.originate", params=params, flow=True)
            assert reply["status"] == 200, reply
            channels.append(reply["body"]["id"])
        await until(lambda: told(gateway, "flow.started") == CALLS, what="every call has its flow")

        await until(lambda: living(watcher, channels), what="every call is answered")

        reloading = asyncio.create_task(reload(gateway, script, watcher))
        _, *statuses = await asyncio.gather(reloading, *(command(client, reloading) for client in clients))
        assert {status for some in statuses for status in some} <= {200, 204}
        assert sum(map(len, statuses)) >= CLIENTS * COMMANDS
        assert told(gateway, "scripts.reloaded") + told(gateway, "scripts.kept") == RELOADS
        assert told(gateway, "flow.ended") == 0
        assert await living(watcher, channels)

        assert (await watcher.ask(type="message", data="go"))["body"] == RELOADS
        overs = []
        while len(overs) < CALLS:
            message = await watcher.receive()
            if message["type"] == "event":
                overs.append(message["data"]["version"])
        assert overs == [0] * CALLS
        await until(lambda: told(gateway, "flow.ended") == CALLS, what="every flow has ended")


async def test_a_broken_version_is_told_with_file_and_line(gateways, asterisk22, tmp_path):
    script = tmp_path / "broken.lua"
    script.write_text("function on_message() return 1 end")
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(script)]})
    script.write_text("\nfunction on_message(\n return 2 end")
    os.kill(gateway.pid, signal.SIGHUP)
    await until(lambda: told(gateway, "scripts.kept"), what="scripts.kept")
    kept = next(line for line in gateway.log if "scripts.kept" in line)
    assert "broken.lua:3: <name> or" in kept
    async with greeted(gateway.url, gateway.token()) as client:
        assert (await client.ask(type="message", data=1))["body"] == 1
