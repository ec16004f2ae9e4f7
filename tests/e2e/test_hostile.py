"""Hostile scripts beside a client that sends commands, on the real gateway: all commands are answered, nothing dies."""

import asyncio
from contextlib import AsyncExitStack

import psutil
import pytest
from real.gateway import target
from real.wsclient import Client, greeted

ATTACKS = {
    "loop": "while true do end",
    "loop of pcalls": "while true do pcall(error) end",
    "recursion": "local function f() return 1 + f() end return f()",
    "string": "return ('x'):rep(1e9)",
    "pattern": "return (('a'):rep(30)):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')",
    "table": "local t = {} while true do t[#t + 1] = {} end",
    "coroutine": "coroutine.wrap(function() while true do end end)()",
    "xpcall": "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "close": "local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
    "tostring": "error(setmetatable({}, {__tostring = function() while true do end end}))",
    "finalizer": "setmetatable({}, {__gc = function() while true do end end})",
    "cancel": (
        "local t = task.spawn(function() while true do pcall(bridge.sleep, 1) end end) bridge.sleep(5) task.cancel(t)"
    ),
    "tasks": "local function bomb() pcall(task.spawn, bomb) pcall(task.spawn, bomb) end bomb()",
    "timers": "for i = 1, 900 do bridge.every(10, function() while true do end end) end",
    "log": "while true do bridge.log('x') end",
    "result": "local t = {} for i = 1, 190000 do t[i] = i end return {t, t}",
    "messages": "for i = 1, 2000 do conn:send{text = ('x'):rep(1000)} end",
}
SCRIPT = "local ari, bridge, task = require 'ari', require 'bridge', require 'task'\n"
BACKGROUND = {"cancel", "tasks", "timers"}
COMMANDS = 30


@pytest.fixture
async def gateway(gateways, asterisk22, tmp_path):
    files = []
    for name, source in ATTACKS.items():
        file = tmp_path / f"{name.replace(' ', '_')}.lua"
        file.write_text(f"{SCRIPT}function on_message(conn, data)\nif data == '{name}' then {source} end\nend\n")
        files.append(str(file))
    # These clients answer no pings, and the machine may be slow.
    return await gateways.start(target(asterisk22), scripts={"files": files}, limits={"ping_seconds": 300.0})


async def commands(client: Client, count: int = COMMANDS) -> None:
    for _ in range(count):
        assert (await client.ask(type="request", op="asterisk.ping"))["status"] == 200


async def attack(client: Client, name: str) -> str:
    reply = await client.ask(type="message", data=name)
    return reply["error"]["code"] if "error" in reply else "none"


async def test_every_command_is_answered_beside_hostile_scripts(gateway):
    process = psutil.Process(gateway.pid)
    async with AsyncExitStack() as stack:
        worker, *attackers = [
            await stack.enter_async_context(greeted(gateway.url, gateway.token())) for _ in range(1 + len(ATTACKS))
        ]
        await commands(worker)
        before = process.memory_info().rss
        for name in sorted(ATTACKS, key=BACKGROUND.__contains__):  # what goes on in the background comes last
            code, _ = await asyncio.gather(attack(attackers[0], name), commands(worker, 10))
            assert name in BACKGROUND or code == "script_error", name
        pairs = zip(attackers, ATTACKS, strict=True)
        await asyncio.gather(*(attack(client, name) for client, name in pairs), commands(worker, 50))
        await commands(worker)
        grown = process.memory_info().rss - before
    # Each script may keep scripts.memory_mb; what is left here is mostly garbage that Lua has not collected yet.
    assert grown < 120 << 20, f"grown by {grown / 2**20:.0f} MiB"
