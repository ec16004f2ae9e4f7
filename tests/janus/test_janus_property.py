"""Whatever comes in, what goes out is the Janus API, and nobody else notices."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janus_rig import token

from aribridge.janus.errors import Code, JanusError
from aribridge.janus.requests import REQUESTS, parse
from aribridge.janus.wire import MAX_DEPTH, decode_all, encode

if TYPE_CHECKING:
    from janus_rig import RawClient, Rig

SESSION = 4242
REPLIES = {"ack", "success", "error", "event", "server_info", "pong", "detached", "hangup", "webrtcup", "timeout"}

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
text = st.text(max_size=20)


LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "janus": st.sampled_from(sorted(REQUESTS)),
    "transaction": text,
    "session_id": st.just(SESSION),
    "handle_id": st.just("the handle"),
    "token": st.just("the token"),
    "plugin": st.sampled_from(["test.plugin.probe", "janus.plugin.echotest", "aribridge.plugin.ari"]),
    "body": st.dictionaries(st.sampled_from(["request", "kind", "data", "label", "audio"]), junk),
    "jsep": st.fixed_dictionaries({"type": st.sampled_from(["offer", "answer"]), "sdp": text}),
    "candidate": st.fixed_dictionaries({"candidate": text, "sdpMid": text}),
    "id": st.integers(),
}
MOSTLY = ("janus", "transaction", "token")
requests = st.fixed_dictionaries(
    {name: LIKELY[name] for name in MOSTLY},
    optional={name: values for name, values in LIKELY.items() if name not in MOSTLY},
)
mangled = st.builds(
    lambda request, name, value: {**request, name: value}, requests, st.sampled_from(sorted(LIKELY)), junk
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=requests | mangled | junk)
async def test_replies_are_the_janus_api(rig: Rig, alice: RawClient, message: Any) -> None:
    await alice.ws.send_str(json.dumps(with_real_values(message, await address(alice), alice.credentials["token"])))
    last = await alice.send("ping")
    while (reply := await alice.next()).get("transaction") != last:
        assert reply["janus"] in REPLIES
        if reply["janus"] == "error":
            assert type(reply["error"]["code"]) is int
            assert reply["error"]["code"] in set(Code)
            assert reply["error"]["reason"]
    async with rig.client({"token": token("bob")}) as bob:
        assert (await bob.ask("ping"))["janus"] == "pong"


async def address(alice: RawClient) -> dict[str, int]:
    """A session with a known id and a new handle in it; the session may be there from the example before."""
    if (await alice.ask("keepalive", session_id=SESSION))["janus"] == "error":
        await alice.ask("create", id=SESSION)
    reply = await alice.ask("attach", session_id=SESSION, plugin="janus.plugin.echotest")
    if reply["janus"] == "error":  # all handles are in use
        await alice.ask("destroy", session_id=SESSION)
        return await address(alice)
    return {"session_id": SESSION, "handle_id": reply["data"]["id"]}


def with_real_values(message: Any, handle: dict[str, int], valid: str) -> Any:
    if not isinstance(message, dict):
        return message
    stand_ins = {"the handle": handle["handle_id"], "the token": valid}
    return {key: stand_ins.get(value, value) if isinstance(value, str) else value for key, value in message.items()}


@given(st.lists(st.dictionaries(text, junk.filter(lambda value: "NaN" not in str(value)), max_size=3), min_size=1))
def test_messages_back_to_back_come_apart_as_they_were(messages: list[dict[str, Any]]) -> None:
    try:
        frame = " \n".join(json.dumps(message, allow_nan=False) for message in messages)
    except ValueError:
        return
    assert decode_all(frame) == messages


def test_json_is_nested_in_so_many_levels() -> None:
    def nested(levels: int) -> str:
        return "[" * levels + "]" * levels

    assert decode_all(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 1, 60_000):
        with pytest.raises(JanusError, match="nested deeper than 32 levels"):
            decode_all(nested(levels))


@given(st.text())
def test_any_text_is_json_or_454(frame: str) -> None:
    try:
        values = decode_all(frame)
    except JanusError as error:
        code: Code | None = error.code
    else:
        code = None
        assert values
    assert code in {None, Code.INVALID_JSON}


@given(requests | mangled | junk)
def test_any_value_is_a_request_or_a_janus_error(message: Any) -> None:
    with suppress(JanusError):
        assert encode(parse(message).reply("ack"))
