"""Every request, with every field missing, mistyped, or sent to the wrong level: the code that Janus clients expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from janus_rig import serving, token

from aribridge.janus.requests import MAX_ID

if TYPE_CHECKING:
    from janus_rig import RawClient, Rig

CANDIDATE = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0"}
GOOD: dict[str, dict[str, Any]] = {
    "info": {},
    "ping": {},
    "create": {},
    "attach": {"plugin": "test.plugin.probe"},
    "claim": {},
    "keepalive": {},
    "destroy": {},
    "message": {"body": {}},
    "trickle": {"candidate": CANDIDATE},
    "hangup": {},
    "detach": {},
}
ROOT, SESSION = ("info", "ping", "create"), ("attach", "claim", "keepalive", "destroy")
HANDLE = ("message", "trickle", "hangup", "detach")
NOT_IDS = ("1", -1, 1.5, True, None, [], MAX_ID + 1)
NOT_STRINGS = (1, True, None, {}, [])
NOT_OBJECTS = (1, "a", True, None, [])


@pytest.fixture
async def handle(alice: RawClient) -> dict[str, int]:
    return await alice.attach(await alice.create())


@pytest.mark.parametrize("name", [*ROOT, *SESSION, *HANDLE])
async def test_the_right_level_works_and_the_others_are_457(
    alice: RawClient, handle: dict[str, int], name: str
) -> None:
    levels = {"root": {}, "session": {"session_id": handle["session_id"]}, "handle": handle}
    right = "root" if name in ROOT else "session" if name in SESSION else "handle"
    loose = {"handle"} if name in {"keepalive", "claim"} else set()
    for level in {"root", "session", "handle"} - {right} - loose:
        assert (await alice.ask(name, **levels[level], **GOOD[name]))["error"]["code"] == 457
    reply = await alice.ask(name, **levels[right], **GOOD[name])
    assert reply["janus"] != "error"
    assert reply.get("session_id") == levels[right].get("session_id")


@pytest.mark.parametrize("name", GOOD)
async def test_the_envelope(alice: RawClient, handle: dict[str, int], name: str) -> None:
    good = {"janus": name, "transaction": "t", **GOOD[name]}
    for field in ("janus", "transaction"):
        await alice.ws.send_json({key: value for key, value in good.items() if key != field})
        assert (await alice.next())["error"]["code"] == 456
        for wrong in NOT_STRINGS:
            await alice.ws.send_json({**good, field: wrong})
            assert (await alice.next())["error"]["code"] == 467
    for field, wrongs in {
        "session_id": NOT_IDS,
        "handle_id": NOT_IDS,
        "apisecret": NOT_STRINGS,
        "token": NOT_STRINGS,
    }.items():
        for wrong in [wrong for wrong in wrongs if wrong is not None]:  # null is as good as nothing
            assert (await alice.ask(name, **GOOD[name], **{field: wrong}))["error"]["code"] == 467


@pytest.mark.parametrize("name", SESSION)
async def test_an_unknown_session_is_458(alice: RawClient, name: str) -> None:
    reply = await alice.ask(name, session_id=1, **GOOD[name])
    assert (reply["error"]["code"], reply["session_id"]) == (458, 1)


@pytest.mark.parametrize("name", HANDLE)
async def test_an_unknown_handle_is_459(alice: RawClient, handle: dict[str, int], name: str) -> None:
    assert (await alice.ask(name, session_id=1, handle_id=1, **GOOD[name]))["error"]["code"] == 458
    assert (await alice.ask(name, handle_id=1, **GOOD[name]))["error"]["code"] == 458
    reply = await alice.ask(name, session_id=handle["session_id"], handle_id=1, **GOOD[name])
    assert (reply["error"]["code"], reply["session_id"]) == (459, handle["session_id"])


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        *(("create", {"id": wrong}, 467) for wrong in NOT_IDS),
        ("attach", {}, 456),
        *(("attach", {"plugin": wrong}, 467) for wrong in NOT_STRINGS),
        *(("attach", {"plugin": "test.plugin.probe", "opaque_id": wrong}, 467) for wrong in NOT_STRINGS),
        *(("attach", {"plugin": "test.plugin.probe", "loop_index": wrong}, 467) for wrong in NOT_IDS),
        ("attach", {"plugin": ""}, 460),
        ("message", {}, 456),
        *(("message", {"body": wrong}, 467) for wrong in NOT_OBJECTS),
        *(("message", {"body": {}, "jsep": wrong}, 467) for wrong in NOT_OBJECTS),
        ("message", {"body": {}, "jsep": {}}, 456),
        ("message", {"body": {}, "jsep": {"type": "offer"}}, 456),
        ("message", {"body": {}, "jsep": {"sdp": "v=0"}}, 456),
        ("message", {"body": {}, "jsep": {"type": 1, "sdp": "v=0"}}, 467),
        ("message", {"body": {}, "jsep": {"type": "offer", "sdp": 1}}, 467),
        ("message", {"body": {}, "jsep": {"type": "rollback", "sdp": ""}}, 464),
        ("message", {"body": {}, "jsep": {"type": "answer", "sdp": "v=0"}}, 469),
        ("message", {"body": {}, "jsep": {"type": "offer", "sdp": ""}}, 465),
        ("message", {"body": {}, "jsep": {"type": "offer", "sdp": "v=0\r\nnonsense"}}, 465),
        ("message", {"body": {}, "jsep": {"type": "offer", "sdp": "\ud800"}}, 465),
        ("trickle", {}, 456),
        ("trickle", {"candidate": CANDIDATE, "candidates": []}, 454),
        *(("trickle", {"candidate": wrong}, 467) for wrong in (1, "a", True, [])),
        *(("trickle", {"candidates": wrong}, 467) for wrong in (1, "a", True, {}, None, [1], [None] * 65)),
        ("trickle", {"candidate": {}}, 456),
        ("trickle", {"candidate": {"candidate": "x"}}, 456),
        ("trickle", {"candidate": {"candidate": 1, "sdpMid": "0"}}, 467),
        ("trickle", {"candidate": {"candidate": "x", "sdpMid": 0}}, 467),
        ("trickle", {"candidate": {"candidate": "x", "sdpMLineIndex": -1}}, 467),
        ("trickle", {"candidate": {"candidate": "x", "sdpMLineIndex": True}}, 467),
        ("nonsense", {}, 453),
    ],
)
async def test_fields(alice: RawClient, handle: dict[str, int], name: str, fields: dict[str, Any], code: int) -> None:
    session = {"session_id": handle["session_id"]}
    address = {} if name in ROOT else session if name in SESSION else handle
    error = (await alice.ask(name, **address, **fields))["error"]
    assert error["code"] == code
    assert len(error["reason"]) > 10


@pytest.mark.parametrize(
    "fields",
    [
        {"candidate": CANDIDATE},
        {"candidate": {"candidate": CANDIDATE["candidate"], "sdpMLineIndex": 0}},
        {"candidate": {"completed": True}},
        {"candidate": None},
        {"candidate": {"candidate": "", "sdpMid": "0"}},
        {"candidates": []},
        {"candidates": [CANDIDATE, None, {"completed": True}]},
    ],
)
async def test_trickles_that_come_before_the_sdp_are_acknowledged(
    alice: RawClient, handle: dict[str, int], fields: dict[str, Any]
) -> None:
    assert (await alice.ask("trickle", **handle, **fields))["janus"] == "ack"


@pytest.mark.parametrize("text", ['"a"', "1", "[]", "null", '[{"janus":"ping","transaction":"t"}]'])
async def test_what_is_not_an_object_is_455(alice: RawClient, text: str) -> None:
    await alice.ws.send_str(text)
    assert (await alice.next())["error"]["code"] == 455


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "}", '{"janus":NaN}', '{"a":Infinity}', "{'a':1}", "[" * 50_000, "[" * 40 + "]" * 40, "1" * 5000],
)
async def test_what_is_not_sane_json_is_454(alice: RawClient, text: str) -> None:
    await alice.ws.send_str(text)
    assert (await alice.next())["error"]["code"] == 454
    assert (await alice.ask("ping"))["janus"] == "pong"


async def test_the_limits_name_their_settings(tmp_path) -> None:
    async with serving(tmp_path, sessions=1, handles=1) as rig, rig.client() as alice:
        session = await alice.create()
        error = (await alice.ask("create"))["error"]
        assert error["code"] == 472
        assert "janus.sessions" in error["reason"]
        await alice.attach(session)
        error = (await alice.ask("attach", session_id=session, plugin="test.plugin.probe"))["error"]
        assert error["code"] == 461
        assert "janus.handles" in error["reason"]
        await alice.ask("destroy", session_id=session)
        assert await alice.create()


async def test_no_error_repeats_credentials(rig: Rig) -> None:
    secret = token(seconds=-5)
    async with rig.client({"token": secret, "apisecret": "hunter2hunter2"}) as client:
        for name, fields in GOOD.items():
            reply = str(await client.ask(name, session_id=5, **fields))
            assert secret not in reply
            assert "hunter2" not in reply
