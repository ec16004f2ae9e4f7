"""What becomes of a session whose connection drops, or whose client falls silent."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest
from janus_rig import serving, token
from real.wait import until

from aribridge.transport.carrier import CarrierClosed
from aribridge.transport.websocket import WebSocketCarrier

if TYPE_CHECKING:
    from janus_rig import RawClient, Rig


async def drop(rig: Rig, client: RawClient) -> None:
    """Cut a client's connection without a goodbye, and wait until the door noticed."""
    response = client.ws._response
    assert response.connection is not None
    response.connection.transport.abort()
    await until(lambda: not rig.door.connections)


async def test_events_of_an_orphan_come_after_the_claim(rig: Rig) -> None:
    async with rig.client() as first:
        handle = await first.attach(await first.create())
        await drop(rig, first)
    context = rig.probe_of(handle).context
    for number in range(3):
        context.push({"n": number})
    async with rig.client() as second:
        claim = await second.send("claim", session_id=handle["session_id"])
        heard = [await second.next() for _ in range(4)]
        assert (heard[0]["janus"], heard[0]["transaction"]) == ("success", claim)
        assert heard[0]["session_id"] == handle["session_id"]
        assert "data" not in heard[0]
        assert [event["plugindata"]["data"]["n"] for event in heard[1:]] == [0, 1, 2]
        context.push({"n": 3})
        assert (await second.event("event"))["plugindata"]["data"] == {"n": 3}


async def test_a_message_under_way_when_the_connection_drops_is_answered_after_the_claim(rig: Rig) -> None:
    async with rig.client() as first:
        handle = await first.attach(await first.create())
        transaction = await first.send("message", **handle, body={"wait": True, "data": {"done": 1}})
        await until(lambda: rig.probe_of(handle).begun)
        await drop(rig, first)
    rig.probe_of(handle).go_on.set()
    async with rig.client() as second:
        await second.ask("claim", session_id=handle["session_id"])
        event = await second.event("event")
        assert (event["transaction"], event["plugindata"]["data"]) == (transaction, {"done": 1})


async def test_an_event_that_could_not_be_sent_is_not_lost(rig: Rig, monkeypatch) -> None:
    send = WebSocketCarrier.send

    async def faulty(carrier: WebSocketCarrier, frame: str) -> None:
        if "unlucky" in frame:
            raise CarrierClosed("as the test wishes")
        await send(carrier, frame)

    async with rig.client() as first:
        handle = await first.attach(await first.create())
        monkeypatch.setattr(WebSocketCarrier, "send", faulty)
        rig.probe_of(handle).context.push({"n": "unlucky"})
        rig.probe_of(handle).context.push({"n": "next"})
        await until(lambda: not rig.door.connections)
    monkeypatch.undo()
    async with rig.client() as second:
        await second.ask("claim", session_id=handle["session_id"])
        assert [(await second.event("event"))["plugindata"]["data"]["n"] for _ in "12"] == ["unlucky", "next"]


async def test_a_claim_takes_the_events_from_a_connection_that_lives(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    async with rig.client() as second:
        assert (await second.ask("claim", session_id=handle["session_id"]))["janus"] == "success"
        rig.probe_of(handle).context.push({"n": 1})
        assert (await second.event("event"))["plugindata"]["data"] == {"n": 1}
        await drop_one(alice)
        assert (await second.ask("keepalive", session_id=handle["session_id"]))["janus"] == "ack"
        rig.probe_of(handle).context.push({"n": 2})
        assert (await second.event("event"))["plugindata"]["data"] == {"n": 2}


async def drop_one(client: RawClient) -> None:
    await client.ws.close()


async def test_a_session_moves_between_websocket_and_long_poll(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    session = handle["session_id"]
    assert await rig.poll(session) == 404
    assert (await rig.post(f"/{session}", janus="claim"))["janus"] == "success"
    rig.probe_of(handle).context.push({"n": 1})
    assert (await rig.poll(session))["plugindata"]["data"] == {"n": 1}
    waiting = asyncio.create_task(rig.poll(session))
    await alice.ask("claim", session_id=session)
    assert await waiting in ({"janus": "keepalive"}, 404)
    rig.probe_of(handle).context.push({"n": 2})
    assert (await alice.event("event"))["plugindata"]["data"] == {"n": 2}


async def test_an_orphan_that_nobody_claims_ends(tmp_path, clock) -> None:
    async with serving(tmp_path, reclaim_seconds=0.2) as rig:
        async with rig.client() as client:
            handle = await client.attach(await client.create())
            await drop(rig, client)
        assert rig.door.sessions == 1
        clock.forward(0.3)
        await until(lambda: not rig.door.sessions)
        await until(lambda: rig.probe_of(handle).notes == ["detach"])
        async with rig.client() as late:
            assert (await late.ask("claim", session_id=handle["session_id"]))["error"]["code"] == 458


async def test_without_reclaiming_sessions_end_with_their_connection(tmp_path) -> None:
    async with serving(tmp_path, reclaim_seconds=0) as rig:
        async with rig.client() as client:
            await client.create()
            await drop(rig, client)
        await until(lambda: not rig.door.sessions)


async def test_a_silent_session_times_out_and_its_client_is_told(tmp_path, clock) -> None:
    async with serving(tmp_path, session_seconds=1) as rig, rig.client() as client:
        silent, busy = await client.create(), await client.create()
        clock.forward(0.6)
        assert (await client.ask("keepalive", session_id=busy))["janus"] == "ack"
        clock.forward(0.6)
        assert await client.next() == {"janus": "timeout", "session_id": silent}
        assert (await client.ask("keepalive", session_id=busy))["janus"] == "ack"
        assert (await client.ask("keepalive", session_id=silent))["error"]["code"] == 458
        assert rig.door.sessions == 1


@pytest.mark.parametrize("reclaim_seconds", [0.1, 0])
async def test_zero_means_no_timeout(tmp_path, reclaim_seconds) -> None:
    timeouts = {"session_seconds": 0, "reclaim_seconds": reclaim_seconds}
    async with serving(tmp_path, **timeouts) as rig, rig.client() as client:
        session = await client.create()
        await asyncio.sleep(0.3)
        assert (await client.ask("keepalive", session_id=session))["janus"] == "ack"


async def test_what_is_kept_for_nobody_is_bounded_and_the_newest_stays(tmp_path) -> None:
    async with serving(tmp_path, queue=3) as rig:
        async with rig.client() as first:
            handle = await first.attach(await first.create())
            await drop(rig, first)
        context = rig.probe_of(handle).context
        for number in range(10):
            context.push({"n": number})
        async with rig.client() as second:
            await second.ask("claim", session_id=handle["session_id"])
            kept = [(await second.event("event"))["plugindata"]["data"]["n"] for _ in range(3)]
            assert kept == [7, 8, 9]
            context.push({"n": "next"})
            assert (await second.event("event"))["plugindata"]["data"]["n"] == "next"


async def test_what_is_kept_is_bounded_in_bytes_too(rig: Rig) -> None:
    async with rig.client() as first:
        handle = await first.attach(await first.create())
        await drop(rig, first)
    context = rig.probe_of(handle).context
    for number in range(30):
        context.push({"n": number, "fill": "x" * 100_000})
    async with rig.client() as second:
        await second.ask("claim", session_id=handle["session_id"])
        kept = [(await second.event("event"))["plugindata"]["data"]["n"] for _ in range(10)]
        assert kept == list(range(20, 30))


async def test_an_event_too_large_to_be_kept_costs_the_client_that_event_alone(rig: Rig, alice: RawClient) -> None:
    handle = await alice.attach(await alice.create())
    context = rig.probe_of(handle).context
    context.push({"n": 1})
    context.push({"fill": "x" * 1_100_000})
    context.push({"n": 2})
    assert [(await alice.event("event"))["plugindata"]["data"]["n"] for _ in range(2)] == [1, 2]
    context.push({"fill": "x" * 1_100_000})
    assert (await alice.ask("keepalive", session_id=handle["session_id"]))["janus"] == "ack"


async def test_a_claim_brings_newer_credentials(rig: Rig) -> None:
    async with rig.client({"token": token(seconds=60)}) as first:
        handle = await first.attach(await first.create())
        before = rig.probe_of(handle).context.principal.expires
        async with rig.client({"token": token(seconds=600)}) as second:
            await second.ask("claim", session_id=handle["session_id"])
        after = rig.probe_of(handle).context.principal.expires
    assert before is not None
    assert after is not None
    assert after > before + 500


async def test_an_older_token_does_not_shorten_the_session_again(rig: Rig) -> None:
    old, fresh = {"token": token(seconds=60)}, {"token": token(seconds=600)}
    async with rig.client(old) as first, rig.client(fresh) as second:
        handle = await first.attach(await first.create())
        await second.ask("keepalive", session_id=handle["session_id"])
        lasts = rig.probe_of(handle).context.principal.expires
        assert (await first.ask("keepalive", session_id=handle["session_id"]))["janus"] == "ack"
        assert rig.probe_of(handle).context.principal.expires == lasts


@pytest.mark.parametrize("close", [True, False])
async def test_sessions_survive_a_connection_however_it_ends(rig: Rig, close: bool) -> None:
    async with rig.client() as first:
        session = await first.create()
        await (first.ws.close() if close else drop(rig, first))
    async with rig.client() as second:
        assert (await second.ask("claim", session_id=session))["session_id"] == session


async def test_sessions_that_end_in_one_round_leave_others_their_turns(tmp_path, clock) -> None:
    async with serving(tmp_path, session_seconds=0.2) as rig, rig.client() as client:
        for _ in range(50):
            await client.create()
        clock.forward(0.3)
        left = []
        while rig.door.sessions:
            left.append(rig.door.sessions)
            await asyncio.sleep(0)
        assert max(before - after for before, after in itertools.pairwise([*left, 0])) == 1
