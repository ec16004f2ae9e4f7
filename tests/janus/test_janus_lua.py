"""Plugins in Lua: sessions, messages, events, data channels, and what a script may do to them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from janus_rig import WITHIN, Caller, serving, token
from real.wait import until
from structlog.testing import capture_logs

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.janus.plugins.lua import LuaPlugin, callbacks
from aribridge.janus.plugins.lua.sdp import has_data, without_transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from janus_rig import RawClient, Rig

PLUGIN = """
local json = require "json"
local http = require "socket.http"

function getPackage() return "test.plugin.lua" end
function init() end
function destroy() print("destroyed the plugin") end
function createSession(id) print("create", id) end
function destroySession(id) print("destroy", id) end
function querySession(id) end
function setupMedia(id) pushEvent(id, nil, '{"media": "up"}', nil) end
function hangupMedia(id) pushEvent(id, nil, '{"media": "down"}', nil) end
function dataChannelOpen(id, label, protocol) pushEvent(id, nil, json.encode { open = label }, nil) end
function dataChannelClose(id, label) print("close", label) end

local jobs = {}
function resumeScheduler()
  for _, job in ipairs(jobs) do job() end
  jobs = {}
end
function later(text) json.decode(text) end

local ANSWER = '{"type": "answer", "sdp": "v=0\\\\r\\\\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\\\\r\\\\n"}'
local OFFER = ANSWER:gsub("answer", "offer")
local NOTHING = ANSWER:gsub("n 9 U", "n 0 U")

function handleMessage(id, tr, text, jsep)
  local message = json.decode(text)
  local what = message["do"]
  if what == "return" then return table.unpack(message.values, 1, message.n) end
  if what == "fail" then error("on purpose") end
  if what == "loop" then while true do end end
  if what == "echo" then return 0, json.encode { transaction = tr, jsep = jsep and json.decode(jsep) } end
  if what == "close" then closePc(id) return 0, "{}" end
  if what == "end" then endSession(id) return 0, "{}" end
  if what == "wait" then http.request(message.url) return 0, "{}" end
  if what == "relay" then return 0, json.encode { code = relayTextData(id, "hello", 5, message.label) } end
  if what == "early" then
    pushEvent(id, nil, '{"n": 0}', nil)
    pushEvent(id, tr, '{"n": 1}', nil)
    if message.url then http.request(message.url) end
    pushEvent(id, tr, '{"n": 2}', nil)
    return 1, nil
  end
  jobs[#jobs + 1] = function()
    local description = what == "offer" and OFFER or what == "refuse" and NOTHING or ANSWER
    pushEvent(id, tr, '{"result": "ok"}', description)
    pushEvent(id, nil, '{"after": true}', nil)
  end
  pokeScheduler()
  return 1, nil
end

function incomingTextData(id, text, length, label, protocol)
  if text == "loop" then while true do end end
  if text:find("^http:") then text = tostring((http.request(text))) end
  relayTextData(id, text, #text, label, protocol)
end
function incomingBinaryData(id, data, length, label) relayBinaryData(id, data, length, label) end
"""

PACKAGE = "test.plugin.lua"


@asynccontextmanager
async def with_plugin(folder: Path, source: str = PLUGIN) -> AsyncIterator[Rig]:
    file = folder / "plugin.lua"
    file.write_text(source)
    plugin = LuaPlugin(JanusLuaSettings(script=str(file), http_allow=["127.0.0.1:*"]), ScriptSettings(), None, {})
    plugin.load()
    await plugin.start()
    async with serving(folder, more=[plugin]) as rig:
        rig.lua = plugin
        yield rig
    await plugin.stop()


@pytest.fixture
async def lua_rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with with_plugin(tmp_path) as rig:
        yield rig


@pytest.fixture
async def bob(lua_rig: Rig) -> AsyncIterator[RawClient]:
    async with lua_rig.client() as client:
        yield client


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    held = Held()
    await held.start()
    yield held
    await held.stop()


class Held:
    """A web server that answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.asked = asyncio.Event()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._hold, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def stop(self) -> None:
        self.go_on.set()
        self._server.close()
        await self._server.wait_closed()

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked.set()
        await self.go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow")
        await writer.drain()
        writer.close()


async def attached(client: RawClient) -> dict[str, int]:
    return await client.attach(await client.create(), PACKAGE)


async def do(client: RawClient, handle: dict[str, int], what: str, **body: Any) -> dict[str, Any]:
    return await client.ask("message", **handle, body={"do": what, **body})


async def event(client: RawClient, **data: Any) -> dict[str, Any]:
    return await client.next(lambda it: it["janus"] == "event" and it["plugindata"]["data"] == data)


@asynccontextmanager
async def talking(client: RawClient, handle: dict[str, int]) -> AsyncIterator[tuple[Caller, Any]]:
    """A peer connection that the client offered, its channel open."""
    caller = Caller()
    _, opened = await caller.open()
    assert (await client.ask("message", **handle, body={}, jsep=await caller.offer()))["janus"] == "ack"
    answer = await event(client, result="ok")
    await event(client, after=True)
    await caller.accept(answer["jsep"])
    try:
        yield caller, await asyncio.wait_for(opened, WITHIN)
    finally:
        await caller.pc.close()


@pytest.mark.parametrize(
    ("values", "reply"),
    [
        ((0, '{"a": 1}'), {"a": 1}),
        ((-1, "no such room"), "no such room"),
        ((0, "no json"), "no object"),
        ((0, "[1]"), "no object"),
        ((0, '{"a": NaN}'), "no object"),
        ((0, '{"a": 1e999}'), "failed on this message"),
        ((0, None), "handleMessage has to return"),
        ((), "handleMessage has to return"),
        ((0,), "handleMessage has to return"),
        (("a", "b"), "handleMessage has to return"),
        ((True, "a"), "handleMessage has to return"),
        ((0, '{"a": 1}', "more"), {"a": 1}),
        (("0", '{"a": 1}'), {"a": 1}),
    ],
)
async def test_what_handle_message_returns_is_the_reply(bob, values, reply):
    handle = await attached(bob)
    answer = await do(bob, handle, "return", values=values, n=len(values))
    if isinstance(reply, dict):
        assert answer["plugindata"] == {"plugin": PACKAGE, "data": reply}
    else:
        assert answer["error"]["code"] == 462
        assert reply in answer["error"]["reason"]


async def test_who_has_a_script_loop_again_and_again_waits_and_nobody_else(lua_rig, bob):
    # On a busy machine so much time passes during a run that nobody need wait.
    lua_rig.lua._now.script._brake._clock = lambda: 0.0
    async with lua_rig.client({"token": token("mallory")}) as mallory:
        handle = await attached(mallory)
        reasons = [(await do(mallory, handle, "loop"))["error"]["reason"] for _ in range(20)]
    assert ["CPU time" in reason for reason in reasons] == [True] * 6 + [False] * 14
    assert "rests for a moment" in reasons[-1]
    assert (await do(bob, await attached(bob), "echo"))["janus"] == "success"


@asynccontextmanager
async def resting(rig: Rig, client: RawClient) -> AsyncIterator[tuple[dict[str, int], Caller, Any]]:
    """A handle for whose data the script rests until ``rig.now`` moves on: its messages made it loop."""
    rig.now = 0.0
    rig.lua._now.script._brake._clock = lambda: rig.now
    handle = await attached(client)
    async with talking(client, handle) as (caller, channel):
        for _ in range(6):
            channel.send("loop")
        await until(lambda: rig.lua.to_report()["runs"].get("incomingTextData", {}).get("failures") == 6)
        yield handle, caller, channel


async def test_data_that_comes_while_its_callback_rests_is_handled_afterwards(lua_rig, bob):
    async with (
        lua_rig.client({"token": token("mallory")}) as mallory,
        resting(lua_rig, mallory) as (_, caller, channel),
    ):
        for text in ("one", "two"):
            channel.send(text)
        channel.send(b"three")
        async with talking(bob, await attached(bob)) as (other, others):
            others.send("at once")
            assert await other.hear() == ("JanusDataChannel", "at once")
        assert caller.heard.empty()
        lua_rig.now = 60.0
        assert [(await caller.hear())[1] for _ in range(3)] == ["one", "two", b"three"]


async def test_a_session_that_ends_while_its_data_rests_is_told_so_at_once(lua_rig, bob):
    async with resting(lua_rig, bob) as (handle, _, channel):
        channel.send("too late")
        with capture_logs() as logs:
            await bob.ask("detach", **handle)
            await bob.event("detached")
        assert [log for log in logs if str(log.get("text")).startswith("destroy")]


async def test_an_error_ends_that_message_alone(bob):
    handle = await attached(bob)
    failed = await do(bob, handle, "fail")
    assert failed["error"]["code"] == 462
    assert "plugin.lua:31: on purpose" in failed["error"]["reason"]
    assert (await do(bob, handle, "echo"))["janus"] == "success"


async def test_events_of_a_message_come_after_its_reply(bob):
    handle = await attached(bob)
    transaction = await bob.send("message", **handle, body={"do": "early"})
    got = [await bob.next() for _ in range(4)]
    assert [message["janus"] for message in got] == ["ack", "event", "event", "event"]
    assert [message.get("transaction") for message in got] == [transaction, None, transaction, transaction]
    assert [message["plugindata"]["data"]["n"] for message in got if message["janus"] == "event"] == [0, 1, 2]


async def test_they_do_so_where_the_message_has_to_wait(bob, held):
    handle = await attached(bob)
    transaction = await bob.send("message", **handle, body={"do": "early", "url": held.url})
    await event(bob, n=0)
    held.go_on.set()
    got = [await bob.next() for _ in range(3)]
    assert [message["janus"] for message in got] == ["ack", "event", "event"]
    assert {message["transaction"] for message in got} == {transaction}


async def test_the_script_sees_offers_without_their_transport(bob):
    handle = await attached(bob)
    caller = Caller()
    await caller.open()
    offer = await caller.offer()
    seen = (await bob.ask("message", **handle, body={"do": "echo"}, jsep=offer))["plugindata"]["data"]["jsep"]
    assert seen["type"] == "offer"
    assert "update" not in seen
    assert "m=application" in seen["sdp"]
    for secret in ("ice-pwd", "fingerprint", "candidate"):
        assert secret in offer["sdp"]
        assert secret not in seen["sdp"]
    await caller.pc.close()


async def test_data_goes_both_ways(bob):
    handle = await attached(bob)
    async with talking(bob, handle) as (caller, channel):
        await event(bob, media="up")
        await event(bob, open="JanusDataChannel")
        channel.send("grün")
        assert await caller.hear() == ("JanusDataChannel", "grün")
        channel.send(b"\0\xff")
        assert await caller.hear() == ("JanusDataChannel", b"\0\xff")
        _, opened = await caller.open("second")
        (await opened).send("on the second")
        assert await caller.hear() == ("second", "on the second")
    await event(bob, media="down")
    assert (await bob.event("hangup"))["sender"] == handle["handle_id"]


async def test_a_label_that_nobody_opened_is_opened_from_here(bob):
    handle = await attached(bob)
    async with talking(bob, handle) as (caller, _):
        assert (await do(bob, handle, "relay", label="news"))["plugindata"]["data"]["code"] == 0
        assert await caller.hear() == ("news", "hello")


async def test_a_label_that_no_channel_can_have_costs_that_message_alone(bob):
    handle = await attached(bob)
    async with talking(bob, handle) as (caller, _):
        assert (await do(bob, handle, "relay", label="a" * 70_000))["janus"] == "success"
        assert (await do(bob, handle, "relay"))["janus"] == "success"
        assert await caller.hear() == ("JanusDataChannel", "hello")


async def test_without_a_connection_nothing_is_relayed(bob):
    handle = await attached(bob)
    assert (await do(bob, handle, "relay"))["plugindata"]["data"]["code"] == -1


async def test_the_script_offers(bob):
    handle = await attached(bob)
    assert (await do(bob, handle, "offer"))["janus"] == "ack"
    offered = await event(bob, result="ok")
    await event(bob, after=True)
    caller = Caller()
    answer = await caller.answer(offered["jsep"])
    assert (await bob.ask("message", **handle, body={"do": "echo"}, jsep=answer))["janus"] == "success"
    await event(bob, media="up")
    assert (await do(bob, handle, "offer"))["janus"] == "ack"
    assert "jsep" not in await event(bob, result="ok"), "there is a connection already"
    await caller.pc.close()


async def test_a_script_that_refuses_data_gets_no_connection(bob, lua_rig):
    handle = await attached(bob)
    caller = Caller()
    await caller.open()
    await bob.ask("message", **handle, body={"do": "refuse"}, jsep=await caller.offer())
    assert "jsep" not in await event(bob, result="ok")
    assert lua_rig.rtc.peers == 0
    await caller.pc.close()


async def test_a_message_that_fails_leaves_no_connection(bob, lua_rig):
    handle = await attached(bob)
    caller = Caller()
    await caller.open()
    reply = await bob.ask("message", **handle, body={"do": "fail"}, jsep=await caller.offer())
    assert reply["error"]["code"] == 462
    assert lua_rig.rtc.peers == 0
    async with talking(bob, handle) as (again, channel):
        channel.send("all is well")
        assert await again.hear() == ("JanusDataChannel", "all is well")
    await caller.pc.close()


async def test_a_message_that_takes_too_long_leaves_none_either(bob, lua_rig, held, monkeypatch):
    handle = await attached(bob)
    caller = Caller()
    await caller.open()
    offer = await caller.offer()
    with monkeypatch.context() as patched:
        patched.setattr("aribridge.janus.handle_requests.REQUEST_SECONDS", 1)
        reply = await bob.ask("message", **handle, body={"do": "wait", "url": held.url}, jsep=offer)
    assert reply["error"]["code"] == 462
    assert lua_rig.rtc.peers == 0
    async with talking(bob, handle) as (again, channel):
        channel.send("all is well")
        assert await again.hear() == ("JanusDataChannel", "all is well")
    await caller.pc.close()


async def test_an_offer_without_data_is_refused(bob):
    handle = await attached(bob)
    caller = Caller()
    caller.pc.addTransceiver("audio")
    reply = await bob.ask("message", **handle, body={}, jsep=await caller.offer())
    assert reply["error"]["code"] == 465
    await caller.pc.close()


async def test_the_script_closes_the_connection(bob):
    handle = await attached(bob)
    async with talking(bob, handle):
        await do(bob, handle, "close")
        assert (await bob.event("hangup"))["reason"] == "Close PC"
        await event(bob, media="down")


async def test_the_script_ends_the_session(bob):
    handle = await attached(bob)
    await do(bob, handle, "end")
    assert (await bob.event("detached"))["sender"] == handle["handle_id"]
    assert (await do(bob, handle, "echo"))["error"]["code"] == 459


async def test_a_data_message_that_waits_holds_up_its_own_session_alone(bob, held):
    one, two = await attached(bob), await attached(bob)
    async with talking(bob, one) as (slow, slow_channel), talking(bob, two) as (quick, quick_channel):
        slow_channel.send(held.url)
        slow_channel.send("after that")
        quick_channel.send("at once")
        assert await quick.hear() == ("JanusDataChannel", "at once")
        assert (await do(bob, one, "echo"))["janus"] == "success", "messages do not wait for data"
        assert slow.heard.empty()
        held.go_on.set()
        assert [(await slow.hear())[1] for _ in range(2)] == ["slow", "after that"]


async def test_too_many_messages_that_wait_end_their_channel(bob, held, monkeypatch):
    monkeypatch.setattr(callbacks, "MAX_WAITING", 5)
    handle = await attached(bob)
    async with talking(bob, handle) as (_, channel):
        closed = asyncio.get_running_loop().create_future()
        channel.on("close", lambda: closed.set_result(None))
        channel.send(held.url)
        for number in range(20):
            channel.send(str(number))
        await asyncio.wait_for(closed, WITHIN)


async def test_stopping_waits_for_no_request(lua_rig, bob, held):
    handle = await attached(bob)
    async with talking(bob, handle) as (_, channel):
        channel.send(held.url)
        await held.asked.wait()
        async with asyncio.timeout(8):  # the request itself is given up after ten seconds
            await lua_rig.lua.stop_waiting()
            await lua_rig.door.stop()


async def test_info_shows_what_the_script_says_of_itself(bob):
    plugins = (await bob.ask("info"))["plugins"]
    assert plugins[PACKAGE]["name"] == PACKAGE
    refused = await bob.ask("attach", session_id=await bob.create(), plugin="janus.plugin.lua")
    assert refused["error"]["code"] == 460


async def test_sessions_end_with_their_handles(bob):
    handle = await attached(bob)
    async with talking(bob, handle):
        await bob.ask("detach", **handle)
        await bob.event("detached")
    assert json.dumps(await bob.ask("destroy", session_id=handle["session_id"]))


def test_a_description_keeps_its_media():
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\na=group:BUNDLE 0 1\r\na=msid-semantic: WMS\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
        "a=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:1 cname:x\r\na=sendrecv\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:x\r\na=setup:actpass\r\na=mid:1\r\n"
        "a=sctp-port:5000\r\n"
    )
    assert without_transport(sdp).split("\r\n") == [
        "v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0",
        "a=rtpmap:111 opus/48000/2", "a=sendrecv",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "a=sctp-port:5000", "",
    ]  # fmt: skip
    assert has_data(sdp)
    assert not has_data(sdp.replace("m=application 9", "m=application 0"))
