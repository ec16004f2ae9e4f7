"""Peer connections through the Janus API, with aiortc as the client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from janus_rig import WITHIN, Caller, serving, token
from real.wait import until

from aribridge.core.principal import Principal
from aribridge.janus.errors import Code, JanusError
from aribridge.janus.plugins.echotest import PREFIX
from aribridge.transport.webrtc import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from janus_rig import Clock, RawClient, Rig

ARI, ECHO = "aribridge.plugin.ari", "janus.plugin.echotest"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    caller = Caller()
    yield caller
    await caller.pc.close()


async def call(client: RawClient, handle: dict[str, int], caller: Caller, body: dict[str, Any]) -> Any:
    """Client-offer flow: returns the open channel and what the plugin said."""
    _, opened = await caller.open()
    assert (await client.ask("message", **handle, body=body, jsep=await caller.offer()))["janus"] == "ack"
    event = await client.event("event")
    assert event["jsep"]["type"] == "answer"
    await caller.accept(event["jsep"])
    channel = await asyncio.wait_for(opened, WITHIN)
    assert (await client.event("webrtcup"))["sender"] == handle["handle_id"]
    return channel, event["plugindata"]["data"]


@pytest.mark.parametrize("body", [{"request": "connect"}, {}, {"anything": 1}])
async def test_client_offer(alice: RawClient, caller: Caller, body: dict[str, Any]) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    channel, said = await call(alice, handle, caller, body)
    assert said == {"ari": "event", "result": "ok"}
    channel.send("hi")
    assert await caller.hear() == ("JanusDataChannel", "alice said 'hi' on JanusDataChannel")


async def test_a_fresh_token_on_a_channel_is_the_sessions_too(rig: Rig, alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    channel, _ = await call(alice, handle, caller, {})
    rig.hub.renewed[0](Principal("alice", roles=("fresh",)))
    other, opened = await caller.open("another")
    await asyncio.wait_for(opened, WITHIN)
    [session] = rig.door._sessions
    assert session.principal.roles == ("fresh",)
    assert (channel.readyState, other.readyState) == ("open", "open")


async def test_every_channel_is_answered_on_itself(alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await call(alice, handle, caller, {})
    second, opened = await caller.open("another")
    await asyncio.wait_for(opened, WITHIN)
    second.send("hi")
    assert await caller.hear() == ("another", "alice said 'hi' on another")


@pytest.mark.parametrize("label", [None, "from-us"])
@pytest.mark.parametrize("body", [{"request": "ack"}, {}])
async def test_server_offer(alice: RawClient, caller: Caller, body: dict[str, Any], label: str | None) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    setup = {"request": "setup", **({"label": label} if label else {})}
    assert (await alice.ask("message", **handle, body=setup))["janus"] == "ack"
    offered = await alice.event("event")
    assert offered["plugindata"]["data"] == {"ari": "event", "result": "offer"}
    assert offered["jsep"]["type"] == "offer"
    channel: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    if label:
        caller.pc.on("datachannel", channel.set_result)
    answer = await caller.answer(offered["jsep"])
    assert (await alice.ask("message", **handle, body=body, jsep=answer))["janus"] == "ack"
    assert (await alice.event("event"))["plugindata"]["data"] == {"ari": "event", "result": "ok"}
    if not label:
        _, opened = await caller.open("mine")
        opened.add_done_callback(lambda it: channel.set_result(it.result()))
    (await asyncio.wait_for(channel, WITHIN)).send("hi")
    name = label or "mine"
    assert await caller.hear() == (name, f"alice said 'hi' on {name}")


async def test_echotest(alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ECHO)
    channel, said = await call(alice, handle, caller, {"audio": False, "video": False, "data": True})
    assert said == {"echotest": "event", "result": "ok"}
    for sent, back in (
        ("good morning", PREFIX + "good morning"),
        ("", PREFIX),
        ("ü" * 30_000, PREFIX + "ü" * 30_000),
        (b"\x00\xff", b"\x00\xff"),
        (b"", b""),
        (b"x" * 65_536, b"x" * 65_536),
        ("x" * 65_530, PREFIX + "65530 characters, too many to send back in one message."),
    ):
        channel.send(sent)
        assert await caller.hear() == ("JanusDataChannel", back)

    assert (await alice.ask("hangup", **handle))["janus"] == "success"
    assert (await alice.event("event"))["plugindata"]["data"] == {"echotest": "event", "result": "done"}
    assert (await alice.event("hangup"))["reason"] == "Janus API"


async def test_a_handle_can_call_again_after_hangup(rig: Rig, alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await call(alice, handle, caller, {})
    await alice.ask("hangup", **handle)
    assert (await alice.event("hangup"))["sender"] == handle["handle_id"]
    await until(lambda: rig.rtc.peers == 0)
    assert rig.hub.closed == ["Janus API"]
    again = Caller()
    channel, _ = await call(alice, handle, again, {})
    channel.send("hi")
    assert (await again.hear())[1] == "alice said 'hi' on JanusDataChannel"
    await again.pc.close()


async def test_of_two_offers_at_once_one_makes_the_connection(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    context = rig.probe_of(handle).context
    made = await asyncio.gather(context.offer(), context.offer(), return_exceptions=True)
    refused = [error.code for error in made if isinstance(error, JanusError)]
    assert (rig.rtc.peers, refused) == (1, [Code.WRONG_STATE])
    await context.hang_up("over")
    assert rig.rtc.peers == 0


@pytest.mark.parametrize("end", ["hang_up", "release"])
async def test_a_connection_ends_that_is_being_made(rig: Rig, alice: RawClient, end: str) -> None:
    """Else it is nobody's, until it has waited too long for an answer, and then a hangup comes after the detach."""
    handle = await alice.attach(await alice.create())
    probe = rig.probe_of(handle)
    offering = asyncio.create_task(probe.context.offer())
    await asyncio.sleep(0)
    assert not offering.done()
    await (probe.context.hang_up("over") if end == "hang_up" else probe.context.release())
    with pytest.raises(JanusError, match="ended while it was made"):
        await offering
    assert rig.rtc.peers == 0
    assert probe.notes == (["detach"] if end == "release" else [])


@pytest.mark.parametrize("end", ["detach", "destroy", "stop"])
async def test_everything_is_released(rig: Rig, alice: RawClient, caller: Caller, end: str) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await call(alice, handle, caller, {})
    if end == "detach":
        await alice.ask("detach", **handle)
        assert (await alice.event("hangup"))["reason"] == "Detach"
        await alice.event("detached")
    elif end == "destroy":
        await alice.ask("destroy", session_id=handle["session_id"])
    else:
        await rig.door.stop()
    await until(lambda: rig.rtc.peers == 0)
    assert rig.hub.closed == ["Detach"]


async def test_a_client_that_leaves_is_told_of_by_hangup(rig: Rig, alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await call(alice, handle, caller, {})
    await caller.pc.close()
    assert (await alice.event("hangup"))["reason"]
    await until(lambda: rig.rtc.peers == 0)


async def test_candidates_trickled_before_and_after_the_offer(alice: RawClient, caller: Caller, monkeypatch) -> None:
    taken: list[Any] = []
    add = Peer.add_candidate

    async def noting(peer: Peer, candidate: Any) -> None:
        taken.append(candidate)
        await add(peer, candidate)

    monkeypatch.setattr(Peer, "add_candidate", noting)
    handle = await alice.attach(await alice.create(), ARI)
    _, opened = await caller.open()
    offer = await caller.offer()
    lines = offer["sdp"].split("\r\n")
    candidates = [{"candidate": it[2:], "sdpMid": "0"} for it in lines if it.startswith("a=candidate")]
    offer["sdp"] = "\r\n".join(it for it in lines if not it.startswith(("a=candidate", "a=end-of-candidates")))
    assert candidates

    assert (await alice.ask("trickle", **handle, candidate=candidates[0]))["janus"] == "ack"
    assert (await alice.ask("trickle", **handle, candidate={"candidate": "no", "sdpMid": "0"}))["janus"] == "ack"
    await alice.ask("message", **handle, body={}, jsep=offer)
    await caller.accept((await alice.event("event"))["jsep"])
    assert taken[0] == candidates[0]
    assert (await alice.ask("trickle", **handle, candidates=[*candidates[1:], {"completed": True}]))["janus"] == "ack"
    assert taken[2:] == [*candidates[1:], None]
    await asyncio.wait_for(opened, WITHIN)


async def test_a_candidate_that_is_none_is_465(alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await call(alice, handle, caller, {})
    candidate = {"candidate": "nonsense", "sdpMid": "0"}
    assert (await alice.ask("trickle", **handle, candidate=candidate))["error"]["code"] == 465


async def test_renegotiation_keeps_the_connection(alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    channel, _ = await call(alice, handle, caller, {})
    await alice.ask("message", **handle, body={}, jsep=await caller.offer())
    await caller.accept((await alice.event("event"))["jsep"])
    channel.send("hi")
    assert (await caller.hear())[1] == "alice said 'hi' on JanusDataChannel"


async def test_an_ice_restart_is_471_and_a_hangup_and_then_a_new_offer_works(
    rig: Rig, alice: RawClient, caller: Caller
) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await call(alice, handle, caller, {})
    restarted = Caller()
    await restarted.open()
    transaction = await alice.send("message", **handle, body={}, jsep=await restarted.offer())
    refused = await alice.next()
    assert (refused["transaction"], refused["error"]["code"]) == (transaction, 471)
    hangup = await alice.event("hangup")
    assert (hangup["sender"], hangup["reason"]) == (handle["handle_id"], "ICE restart")
    await until(lambda: rig.rtc.peers == 0)
    await restarted.pc.close()
    again = Caller()
    await call(alice, handle, again, {})
    await again.pc.close()


async def test_offers_and_answers_out_of_turn(rig: Rig, alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await caller.open()
    offer = await caller.offer()
    await alice.ask("message", **handle, body={"request": "setup"})
    await alice.event("event")
    assert (await alice.ask("message", **handle, body={"request": "setup"}))["error"]["code"] == 471
    assert (await alice.ask("message", **handle, body={}, jsep=offer))["error"]["code"] == 471
    bad = {"type": "answer", "sdp": "nothing"}
    assert (await alice.ask("message", **handle, body={}, jsep=bad))["error"]["code"] == 465
    await alice.ask("hangup", **handle)
    assert (await alice.event("hangup"))["reason"] == "Janus API"
    answer = {"type": "answer", "sdp": offer["sdp"]}
    assert (await alice.ask("message", **handle, body={}, jsep=answer))["error"]["code"] == 469


@pytest.mark.parametrize(
    ("plugin", "body", "code"),
    [
        (ARI, {"request": "join"}, 415),
        (ARI, {"request": 5}, 415),
        (ARI, {}, 415),
        (ARI, {"request": "connect"}, 417),
        (ARI, {"request": "ack"}, 417),
        (ARI, {"request": "setup", "label": 5}, 413),
        (ARI, {"request": "setup", "label": "ü"}, 413),
        (ARI, {"request": "setup", "label": "x" * 65}, 413),
        (ECHO, {"audio": "yes"}, 413),
        (ECHO, {"bitrate": True}, 413),
        (ECHO, {"filename": 1}, 413),
        (ECHO, {}, 413),
    ],
)
async def test_plugin_errors_come_as_events(alice: RawClient, plugin: str, body: dict[str, Any], code: int) -> None:
    handle = await alice.attach(await alice.create(), plugin)
    assert (await alice.ask("message", **handle, body=body))["janus"] == "ack"
    data = (await alice.event("event"))["plugindata"]["data"]
    assert data["error_code"] == code
    assert len(data["error"]) > 10


async def test_an_unknown_request_names_the_known_ones(alice: RawClient) -> None:
    handle = await alice.attach(await alice.create(), ARI)
    await alice.ask("message", **handle, body={"request": "join"})
    assert "connect, setup, ack" in (await alice.event("event"))["plugindata"]["data"]["error"]


async def test_echotest_settings_change_nothing_and_are_accepted(alice: RawClient) -> None:
    handle = await alice.attach(await alice.create(), ECHO)
    await alice.ask("message", **handle, body={"bitrate": 64000})
    assert (await alice.event("event"))["plugindata"]["data"] == {"echotest": "event", "result": "ok"}


@asynccontextmanager
async def connected(rig: Rig, caller: Caller, plugin: str) -> AsyncIterator[tuple[RawClient, dict[str, int], Any]]:
    async with rig.client() as client:
        handle = await client.attach(await client.create(), plugin)
        channel, _ = await call(client, handle, caller, {"data": True})
        yield client, handle, channel


async def test_talk_on_the_data_channel_keeps_the_session(tmp_path, caller: Caller, clock: Clock) -> None:
    async with serving(tmp_path, session_seconds=1) as rig, connected(rig, caller, ECHO) as (client, handle, channel):
        silent = await client.create()
        clock.forward(0.6)
        channel.send("still here")
        await caller.hear()
        clock.forward(0.6)
        for session in (silent, handle["session_id"]):
            told = await client.next(lambda it: it["janus"] == "timeout")
            assert told["session_id"] == session
            clock.forward(0.6)
        await until(lambda: rig.rtc.peers == 0)


async def test_talk_under_an_expired_token_keeps_nothing(tmp_path, caller: Caller, clock: Clock) -> None:
    timeouts = {"session_seconds": 100, "reclaim_seconds": 0.4, "grace": 3600}
    async with serving(tmp_path, **timeouts) as rig, rig.client({"token": token(seconds=60)}) as client:
        handle = await client.attach(await client.create(), ECHO)
        channel, _ = await call(client, handle, caller, {"data": True})
        clock.forward(61)
        channel.send("still here")
        await caller.hear()
        clock.forward(50)
        assert (await client.next(lambda it: it["janus"] == "timeout"))["session_id"] == handle["session_id"]


async def test_the_data_channel_outlives_the_websocket_and_a_claim(rig: Rig, caller: Caller) -> None:
    async with connected(rig, caller, ARI) as (client, handle, channel):
        await client.ws.close()
        channel.send("one")
        assert "one" in (await caller.hear())[1]
    async with rig.client() as second:
        await second.ask("claim", session_id=handle["session_id"])
        channel.send("two")
        assert "two" in (await caller.hear())[1]
        await caller.pc.close()
        assert (await second.event("hangup"))["sender"] == handle["handle_id"]


async def test_a_plugin_that_fails_on_a_channel_has_it_closed(rig: Rig, alice: RawClient, caller: Caller) -> None:
    handle = await alice.attach(await alice.create())
    channel, _ = await call(alice, handle, caller, {})
    await until(lambda: channel.readyState == "closed")
    assert (await alice.ask("message", **handle, body={}))["janus"] == "ack"
