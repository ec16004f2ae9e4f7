"""The Janus API over a WebSocket, request by request, as janus.js counts on it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest
from janus_rig import WITHIN, RawClient, serving, signed_token, token
from real.wait import until

if TYPE_CHECKING:
    from janus_rig import Rig


async def test_info_needs_no_token_and_names_the_plugins(rig: Rig) -> None:
    async with rig.client(credentials={}) as anyone:
        info = await anyone.ask("info")
    assert info["janus"] == "server_info"
    assert (info["name"], info["version"], info["version_string"]) == ("aribridge", 10203, "1.2.3")
    assert info["data_channels"] is True
    assert info["session-timeout"] == 60
    assert set(info["plugins"]) == {"aribridge.plugin.ari", "janus.plugin.echotest", "test.plugin.probe"}
    assert info["plugins"]["janus.plugin.echotest"]["name"] == "janus.plugin.echotest"
    assert set(info["transports"]) == {"janus.transport.http", "janus.transport.websockets"}


async def test_ping_and_any_case_of_a_name(rig: Rig) -> None:
    async with rig.client(credentials={}) as anyone:
        assert (await anyone.ask("PING"))["janus"] == "pong"


async def test_a_session_from_create_to_destroy(rig: Rig, alice: RawClient) -> None:
    created = await alice.ask("create")
    assert created["janus"] == "success"
    assert "session_id" not in created
    session = created["data"]["id"]
    assert type(session) is int
    assert 0 < session < 2**53

    attached = await alice.ask("attach", session_id=session, plugin="test.plugin.probe", opaque_id="o-1", loop_index=0)
    assert (attached["janus"], attached["session_id"]) == ("success", session)
    kept = await alice.ask("keepalive", session_id=session)
    assert (kept["janus"], kept["session_id"]) == ("ack", session)
    # janus.js waits for any message with both the session's id and the transaction.
    destroyed = await alice.ask("destroy", session_id=session)
    assert (destroyed["janus"], destroyed["session_id"]) == ("success", session)
    assert (await alice.ask("keepalive", session_id=session))["error"]["code"] == 458
    await until(lambda: rig.probe.handles[attached["data"]["id"]].notes == ["detach"])


async def test_a_client_may_choose_the_session_id_once(alice: RawClient) -> None:
    assert await alice.create(id=4711) == 4711
    assert (await alice.ask("create", id=4711))["error"]["code"] == 468
    assert await alice.create(id=0) != 0


async def test_messages_answered_at_once_and_later(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    sync = await alice.ask("message", **handle, body={"kind": "sync", "data": {"a": 1}})
    assert sync["janus"] == "success"
    assert sync["sender"] == handle["handle_id"]
    assert sync["plugindata"] == {"plugin": "test.plugin.probe", "data": {"a": 1}}

    transaction = await alice.send("message", **handle, body={"data": {"b": 2}})
    first, second = await alice.next(), await alice.next()
    assert (first["janus"], first["transaction"]) == ("ack", transaction)
    assert (second["janus"], second["transaction"]) == ("event", transaction)
    assert second["session_id"] == handle["session_id"]
    assert second["sender"] == handle["handle_id"]
    assert second["plugindata"]["data"] == {"b": 2}

    rig.probe_of(handle).context.push({"c": 3})
    pushed = await alice.event("event")
    assert "transaction" not in pushed
    assert pushed["plugindata"]["data"] == {"c": 3}


async def test_detach_says_detached_and_a_second_one_is_459(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    assert (await alice.ask("detach", **handle))["janus"] == "success"
    assert (await alice.event("detached"))["sender"] == handle["handle_id"]
    assert (await alice.ask("detach", **handle))["error"]["code"] == 459
    assert rig.probe_of(handle).notes == ["detach"]


async def test_hangup_without_a_peer_connection_succeeds(alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    assert (await alice.ask("hangup", **handle))["janus"] == "success"


async def test_several_requests_in_one_frame(alice: RawClient) -> None:
    ping = '{"janus":"ping","transaction":"a"}'
    await alice.ws.send_str(ping + " \n" + ping.replace('"a"', '"b"') + ping.replace('"a"', '"c"'))
    assert [(await alice.next())["transaction"] for _ in range(3)] == ["a", "b", "c"]


async def test_of_several_requests_none_is_run_if_one_is_not_json(alice: RawClient) -> None:
    create = json.dumps({"janus": "create", "transaction": "a", "id": 12, **alice.credentials})
    await alice.ws.send_str(create + '{"janus":')
    assert (await alice.next())["error"]["code"] == 454
    assert await alice.create(id=12) == 12


async def test_a_binary_frame_that_is_no_text_is_refused_and_the_connection_lives(alice: RawClient) -> None:
    await alice.ws.send_bytes(b'{"janus":"ping","transaction":"\xff"}')
    assert (await alice.next())["error"]["code"] == 454
    assert (await alice.ask("ping"))["janus"] == "pong"


async def test_a_frame_beyond_the_limit_ends_the_connection(rig: Rig, alice: RawClient) -> None:
    async with rig.client() as other:
        await alice.ws.send_str('"' + "x" * 200_000 + '"')
        frame = await asyncio.wait_for(alice.ws.receive(), WITHIN)
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1009)
        assert (await other.ask("ping"))["janus"] == "pong"


async def test_requests_of_a_handle_are_carried_out_in_order_and_handles_in_parallel(
    rig: Rig, alice: RawClient
) -> None:
    session = await alice.create()
    slow, quick = await alice.attach(session), await alice.attach(session)
    for number in range(3):
        await alice.send("message", **slow, body={"n": number, "wait": number == 0})
    assert (await alice.ask("message", **quick, body={}))["janus"] == "ack"
    assert [body["n"] for body in rig.probe_of(slow).begun] == [0]

    rig.probe_of(slow).go_on.set()
    events = [await alice.next(lambda it: it["janus"] == "event" and it["sender"] == slow["handle_id"]) for _ in "123"]
    assert [event["plugindata"]["data"]["did"]["n"] for event in events] == [0, 1, 2]


async def test_the_requests_that_wait_are_bounded(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    await alice.send("message", **handle, body={"wait": True})
    await until(lambda: rig.probe_of(handle).begun)
    path = f"/{handle['session_id']}/{handle['handle_id']}"
    posts = [asyncio.create_task(rig.post(path, janus="message", body={"n": number})) for number in range(70)]
    await until(lambda: sum(post.done() for post in posts) == 6)
    assert {post.result()["error"]["code"] for post in posts if post.done()} == {490}
    rig.probe_of(handle).go_on.set()
    replies = await asyncio.gather(*posts)
    assert sum(reply["janus"] == "ack" for reply in replies) == 64


async def test_destroy_ends_the_request_that_runs_and_those_that_wait(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    waiting = [await alice.send("message", **handle, body={"wait": True}) for _ in range(3)]
    await until(lambda: rig.probe_of(handle).begun)
    assert (await alice.ask("destroy", session_id=handle["session_id"]))["janus"] == "success"
    for transaction in waiting:
        reply = await alice.next(lambda it, wanted=transaction: it.get("transaction") == wanted)
        assert reply["error"]["code"] == 459
    assert rig.probe_of(handle).ended == []


async def test_a_plugin_that_raises_costs_one_request(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    assert (await alice.ask("message", **handle, body={"raise": True}))["error"]["code"] == 462
    assert (await alice.ask("message", **handle, body={}))["janus"] == "ack"


async def test_a_plugin_that_hangs_costs_one_request(rig: Rig, alice: RawClient, monkeypatch) -> None:
    monkeypatch.setattr("aribridge.janus.handle_requests.REQUEST_SECONDS", 0.1)
    handle = await alice.attach(await alice.create())
    assert (await alice.ask("message", **handle, body={"wait": True}))["error"]["code"] == 462
    assert (await alice.ask("message", **handle, body={}))["janus"] == "ack"


async def test_attach_errors_say_what_to_do(rig: Rig, alice: RawClient) -> None:
    session = await alice.create()
    error = (await alice.ask("attach", session_id=session, plugin="janus.plugin.videoroom"))["error"]
    assert error["code"] == 460
    assert "aribridge.plugin.ari, janus.plugin.echotest, test.plugin.probe" in error["reason"]
    rig.probe.refuse = True
    error = (await alice.ask("attach", session_id=session, plugin="test.plugin.probe"))["error"]
    assert error == {"code": 461, "reason": "The probe takes no more handles."}


@pytest.mark.parametrize("credentials", [{}, {"token": "nonsense"}, {"token": token(seconds=-5)}, {"apisecret": "no"}])
async def test_nothing_without_good_credentials(rig: Rig, alice: RawClient, credentials: dict[str, str]) -> None:
    handle = await alice.attach(await alice.create())
    async with rig.client(credentials) as mallory:
        assert (await mallory.ask("create"))["error"]["code"] == 403
        for name in ("claim", "keepalive", "destroy", "attach"):
            assert (await mallory.ask(name, session_id=handle["session_id"]))["error"]["code"] == 403
        for name in ("message", "trickle", "hangup", "detach"):
            assert (await mallory.ask(name, **handle))["error"]["code"] == 403
    assert rig.probe_of(handle).begun == []


async def test_a_token_that_expires_is_refused_from_then_on(tmp_path, clock) -> None:
    async with serving(tmp_path, grace=3600) as rig, rig.client({"token": token(seconds=30)}) as client:
        session = await client.create()
        assert (await client.ask("keepalive", session_id=session))["janus"] == "ack"
        clock.forward(31)
        assert (await client.ask("keepalive", session_id=session))["error"]["code"] == 403
        client.credentials["token"] = token()
        assert (await client.ask("keepalive", session_id=session))["janus"] == "ack"


async def test_a_signed_token_opens_the_plugins_that_it_names(rig: Rig) -> None:
    async with rig.client({"token": signed_token("janus.plugin.echotest")}) as client:
        session = await client.create()
        attached = await client.ask("attach", session_id=session, plugin="janus.plugin.echotest")
        assert attached["janus"] == "success"
        assert (await client.ask("attach", session_id=session, plugin="test.plugin.probe"))["error"]["code"] == 405


async def test_the_apisecret_alone_will_do(rig: Rig) -> None:
    async with rig.client({"apisecret": "the apisecret of the tests"}) as client:
        assert (await client.attach(await client.create()))["handle_id"]


async def test_a_session_is_its_subjects_own(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    for stranger in (token("bob"), token("alice", tenant="acme")):
        async with rig.client({"token": stranger}) as other:
            for name in ("claim", "keepalive", "destroy"):
                assert (await other.ask(name, session_id=handle["session_id"]))["error"]["code"] == 458
            assert (await other.ask("message", **handle, body={}))["error"]["code"] == 458
    async with rig.client() as also_alice:
        assert (await also_alice.ask("keepalive", session_id=handle["session_id"]))["janus"] == "ack"


async def test_a_connection_without_a_session_is_not_kept(rig: Rig, monkeypatch) -> None:
    async with rig.client() as busy:
        session = await busy.create()
        monkeypatch.setattr("aribridge.janus.websocket.IDLE_SECONDS", 0.5)
        async with rig.client() as idle:
            assert (await asyncio.wait_for(idle.ws.receive(), WITHIN)).type is aiohttp.WSMsgType.CLOSE
        assert (await busy.ask("destroy", session_id=session))["janus"] == "success"
        assert (await asyncio.wait_for(busy.ws.receive(), WITHIN)).type is aiohttp.WSMsgType.CLOSE


async def test_connections_are_bounded(tmp_path) -> None:
    async with serving(tmp_path, sessions=1) as rig, rig.client():
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with rig.client():
                pass
        assert refused.value.status == 503


async def test_a_reply_that_cannot_be_written_costs_one_request(alice: RawClient, rig: Rig) -> None:
    handle = await alice.attach(await alice.create())
    broken, fine = {"wait": True, "data": None}, {"kind": "sync"}
    await alice.send("message", **handle, body=broken)
    await until(lambda: rig.probe_of(handle).begun)
    rig.probe_of(handle).begun[0]["data"] = {"not JSON": object()}
    rig.probe_of(handle).go_on.set()
    assert (await alice.ask("message", **handle, body=fine))["janus"] == "success"


async def test_data_that_is_not_json_is_462(alice: RawClient, rig: Rig) -> None:
    handle = await alice.attach(await alice.create())
    transaction = await alice.send("message", **handle, body={"wait": True, "kind": "sync", "data": {}})
    await until(lambda: rig.probe_of(handle).begun)
    rig.probe_of(handle).begun[0]["data"] = {"not JSON": object()}
    rig.probe_of(handle).go_on.set()
    reply = await alice.next()
    assert (reply["transaction"], reply["error"]["code"]) == (transaction, 462)


async def test_a_stopping_door_makes_no_sessions(rig: Rig) -> None:
    await rig.door.stop()
    assert (await rig.post(janus="create"))["error"]["code"] == 472
    assert (await rig.post(janus="info"))["accepting-new-sessions"] is False


async def test_stop_says_goodbye(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    stopping = asyncio.create_task(rig.door.stop())
    frame = await asyncio.wait_for(alice.ws.receive(), WITHIN)
    assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1001)
    await stopping
    assert rig.probe_of(handle).notes == ["detach"]


async def test_a_client_that_does_not_read_is_not_read_from(rig: Rig, alice: RawClient) -> None:
    """While 64 are unanswered the others wait in the client's socket: else the handle would refuse the 65th (490)."""
    handle = await alice.attach(await alice.create())
    for number in range(100):
        await alice.send("message", **handle, body={"n": number, "wait": True, "kind": "sync"})
    await until(lambda: rig.probe_of(handle).begun)
    rig.probe_of(handle).go_on.set()
    for _ in range(100):
        assert (await alice.next())["janus"] == "success"
