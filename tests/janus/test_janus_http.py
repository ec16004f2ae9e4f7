"""The Janus API over HTTP: requests by POST, events by long poll."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
from janus_rig import serving, token
from real.wait import until

if TYPE_CHECKING:
    from janus_rig import Rig


async def attach(rig: Rig) -> dict[str, int]:
    session = (await rig.post(janus="create"))["data"]["id"]
    handle = (await rig.post(f"/{session}", janus="attach", plugin="test.plugin.probe"))["data"]["id"]
    return {"session_id": session, "handle_id": handle}


def path_of(handle: dict[str, int]) -> str:
    return "/{session_id}/{handle_id}".format(**handle)


@pytest.mark.parametrize(("name", "kind"), [("info", "server_info"), ("ping", "pong")])
async def test_info_and_ping_by_get(rig: Rig, name: str, kind: str) -> None:
    async with rig.http.get(f"{rig.url}/{name}") as response:
        assert response.content_type == "application/json"
        assert (await response.json())["janus"] == kind


async def test_a_session_from_create_to_destroy(rig: Rig) -> None:
    handle = await attach(rig)
    session = handle["session_id"]
    ack = await rig.post(path_of(handle), janus="message", body={"data": {"n": 1}})
    assert (ack["janus"], ack["session_id"], ack["transaction"]) == ("ack", session, "t")
    event = await rig.poll(session)
    assert (event["janus"], event["sender"], event["transaction"]) == ("event", handle["handle_id"], "t")
    assert event["plugindata"]["data"] == {"n": 1}

    assert (await rig.post(path_of(handle), janus="trickle", candidate={"completed": True}))["janus"] == "ack"
    assert (await rig.post(path_of(handle), janus="detach"))["janus"] == "success"
    assert (await rig.poll(session))["janus"] == "detached"
    assert (await rig.post(f"/{session}", janus="destroy"))["janus"] == "success"
    assert await rig.poll(session) == 404


async def test_maxev_gives_an_array_only_above_one(rig: Rig) -> None:
    handle = await attach(rig)
    context = rig.probe_of(handle).context
    for number in range(5):
        context.push({"n": number})
    assert (await rig.poll(handle["session_id"]))["plugindata"]["data"]["n"] == 0
    assert (await rig.poll(handle["session_id"], maxev="1"))["plugindata"]["data"]["n"] == 1
    events = await rig.poll(handle["session_id"], maxev="2")
    assert [event["plugindata"]["data"]["n"] for event in events] == [2, 3]
    assert len(await rig.poll(handle["session_id"], maxev="10")) == 1
    context.push({"n": 5})
    assert (await rig.poll(handle["session_id"], maxev="nonsense"))["plugindata"]["data"]["n"] == 5
    context.push({"n": 6})
    assert (await rig.poll(handle["session_id"], maxev="0"))["plugindata"]["data"]["n"] == 6


async def test_a_poll_waits_for_what_happens(rig: Rig) -> None:
    handle = await attach(rig)
    poll = asyncio.create_task(rig.poll(handle["session_id"], maxev="10"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(poll), 0.1)
    rig.probe_of(handle).context.push({"n": 1})
    assert [event["janus"] for event in await poll] == ["event"]


async def test_a_poll_with_nothing_to_say_ends_in_a_keepalive(rig: Rig, monkeypatch) -> None:
    monkeypatch.setattr("aribridge.janus.http.POLL_SECONDS", 0.05)
    session = (await attach(rig))["session_id"]
    assert await rig.poll(session) == {"janus": "keepalive"}
    assert await rig.poll(session, maxev="10") == [{"janus": "keepalive"}]


async def test_one_poll_waits_at_a_time(rig: Rig) -> None:
    handle = await attach(rig)
    polls = {asyncio.create_task(rig.poll(handle["session_id"])) for _ in "12"}
    (sent_home,), (waiting,) = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
    assert sent_home.result() == {"janus": "keepalive"}
    rig.probe_of(handle).context.push({"n": 1})
    assert (await waiting)["janus"] == "event"


async def test_an_event_is_not_given_to_a_poll_whose_client_left(rig: Rig) -> None:
    handle = await attach(rig)
    polls = {}
    for _ in "12":
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(f"GET /janus/{handle['session_id']}?token={token()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        polls[asyncio.create_task(reader.read(1))] = writer
    # Both have arrived when one was sent home by the other.
    (done,), (waiting,) = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
    polls[waiting].transport.abort()
    polls[done].transport.abort()
    await asyncio.wait({waiting})
    await until(lambda: any(connection.transport is None for connection in rig.server.connections))
    rig.probe_of(handle).context.push({"n": 1})
    assert (await rig.poll(handle["session_id"]))["plugindata"]["data"] == {"n": 1}


async def test_destroy_answers_the_poll_that_waits(rig: Rig) -> None:
    session = (await attach(rig))["session_id"]
    poll = asyncio.create_task(rig.poll(session))
    await rig.post(f"/{session}", janus="keepalive")
    await rig.post(f"/{session}", janus="destroy")
    assert await poll in ({"janus": "keepalive"}, 404)


async def test_polls_that_are_refused(rig: Rig) -> None:
    session = (await attach(rig))["session_id"]
    assert await rig.poll(1) == 404
    assert await rig.poll(session, token="nonsense") == 403
    assert await rig.poll(session, token=token("bob")) == 404
    for path in ("nonsense", "nonsense/1", "1/nonsense"):
        assert await rig.poll(path) == 404  # type: ignore[arg-type]
    async with rig.client() as client:
        assert await rig.poll(await client.create()) == 404


async def test_a_get_on_a_handle_leads_to_its_session(rig: Rig) -> None:
    handle = await attach(rig)
    async with rig.http.get(rig.url + path_of(handle), allow_redirects=False) as response:
        assert response.status == 302
        assert urljoin(str(response.url), response.headers["Location"]) == f"{rig.url}/{handle['session_id']}"


async def test_the_body_may_repeat_the_path_and_not_contradict_it(rig: Rig) -> None:
    handle = await attach(rig)
    assert (await rig.post(path_of(handle), janus="message", body={}, **handle))["janus"] == "ack"
    for name in ("session_id", "handle_id"):
        reply = await rig.post(path_of(handle), janus="message", body={}, **{**handle, name: 5})
        assert reply["error"]["code"] == 457


@pytest.mark.parametrize(("path", "code"), [("/0", 458), ("/x", 458), ("/-1", 458), ("/1/x", 459), (f"/{2**60}", 458)])
async def test_paths_that_hold_no_ids(rig: Rig, path: str, code: int) -> None:
    assert (await rig.post(path, janus="keepalive"))["error"]["code"] == code


@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded"]
)
async def test_any_content_type_will_do_since_a_beacon_is_plain_text(rig: Rig, content_type: str) -> None:
    session = (await attach(rig))["session_id"]
    body = json.dumps({"janus": "destroy", "transaction": "t", "token": token()})
    headers = {"Content-Type": content_type}
    async with rig.http.post(f"{rig.url}/{session}", data=body, headers=headers) as response:
        assert (await response.json())["janus"] == "success"
    assert rig.door.sessions == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", 454), (b"\xff", 454), (b"{}{}", 454), (b"[]", 455), (b"{}", 456), (b'"' + b"x" * 200_000 + b'"', 454)],
)
async def test_bodies_that_are_no_request(rig: Rig, body: bytes, code: int) -> None:
    async with rig.http.post(rig.url, data=body) as response:
        assert response.status == 200
        assert (await response.json())["error"]["code"] == code


async def test_a_body_that_does_not_come_is_no_request(rig: Rig, monkeypatch) -> None:
    monkeypatch.setattr("aribridge.janus.http.BODY_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(b"POST /janus HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    assert b"The body did not come" in answer
    writer.write(b" " * 8)  # else the server waits for it, before it closes
    writer.close()


async def test_an_answer_that_is_no_json_is_an_error_of_the_plugins(rig: Rig) -> None:
    handle = await attach(rig)
    body = {"kind": "sync", "wait": True, "data": {}}
    asking = asyncio.create_task(rig.post(path_of(handle), janus="message", body=body))
    await until(lambda: rig.probe_of(handle).begun)
    rig.probe_of(handle).begun[0]["data"] = {"n": float("inf")}
    rig.probe_of(handle).go_on.set()
    assert (await asking)["error"]["code"] == 462


async def test_options_is_answered(rig: Rig) -> None:
    for path in ("", "/1", "/1/2"):
        async with rig.http.options(rig.url + path) as response:
            assert response.status == 204


async def test_a_poll_keeps_a_short_session_alive(tmp_path, clock) -> None:
    async with serving(tmp_path, session_seconds=1) as rig:
        session = (await attach(rig))["session_id"]
        for _ in range(3):
            clock.forward(0.9)
            assert (await rig.poll(session))["janus"] == "keepalive"
        clock.forward(1.1)
        await until(lambda: not rig.door.sessions)


async def test_polling_with_an_expired_token_keeps_nothing_alive(tmp_path, clock, monkeypatch) -> None:
    monkeypatch.setattr("aribridge.janus.http.POLL_SECONDS", 0.05)
    async with serving(tmp_path, session_seconds=100, reclaim_seconds=0.4, grace=3600) as rig:
        brief = token(seconds=60)
        session = (await rig.post(janus="create", credentials={"token": brief}))["data"]["id"]
        assert await rig.poll(session, token=brief) == {"janus": "keepalive"}
        clock.forward(61)
        assert await rig.poll(session, token=brief) == 403
        clock.forward(50)
        await until(lambda: not rig.door.sessions)
