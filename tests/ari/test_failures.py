"""What real Asterisks answer to known mistakes, and what the gateway makes of it."""

import json
from typing import Any

import pytest
from ari_lab import FaultyProxy, Sink, running_link
from real.wait import until

from aribridge.ari import Link, explain
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.command import Answer, Command
from aribridge.core.settings import AsteriskSettings

LOCAL = "Local/600@default"


async def attempt(link: Link, op: str, **params: Any) -> tuple[int, str]:
    """Status of the answer and what is said about it."""
    command = link.check(Command(link.name, op, params))
    answer = await link.call(command)
    return answer.status, explain(command, answer)


@pytest.mark.parametrize("endpoint", ["PJSIP/nobody", "PJSIP/200", "Nonsense/1"])
async def test_an_unknown_or_unregistered_endpoint(linked: tuple[Link, Sink], endpoint: str) -> None:
    for op in ("channels.originate", "channels.create"):
        status, advice = await attempt(linked[0], op, endpoint=endpoint)
        # 16 and 22 may repeat an earlier conflict's text on the same connection; both texts lead to the endpoint.
        assert status in (500, 409)
        assert "endpoint" in advice
        assert "GET /endpoints" in advice or status == 409


async def test_a_channel_outside_stasis(linked: tuple[Link, Sink]) -> None:
    link, _ = linked
    await attempt(link, "channels.originate", endpoint=LOCAL, channelId="f-out", extension="601", context="default")
    status, advice = await attempt(link, "channels.startMoh", channelId="f-out")
    assert (status, "Wait for its StasisStart" in advice) == (409, True)
    await attempt(link, "bridges.createWithId", bridgeId="f-b")
    status, advice = await attempt(link, "bridges.addChannel", bridgeId="f-b", channel="f-out")
    assert (status, "Wait for its StasisStart" in advice) == (422, True)
    await attempt(link, "bridges.destroy", bridgeId="f-b")
    await attempt(link, "channels.hangup", channelId="f-out")


async def test_an_id_that_is_taken(linked: tuple[Link, Sink]) -> None:
    link, _ = linked
    await attempt(link, "channels.create", endpoint=LOCAL, channelId="f-1")
    status, advice = await attempt(link, "channels.create", endpoint=LOCAL, channelId="f-1")
    assert (status, "A channel with this id exists" in advice) == (409, True)
    await attempt(link, "channels.hangup", channelId="f-1")
    await attempt(link, "bridges.createWithId", bridgeId="f-2", type="mixing")
    status, advice = await attempt(link, "bridges.createWithId", bridgeId="f-2", type="mixing")
    # 22: 409; 16: 500, or 200 without a type.
    assert status in (409, 500)
    assert "exists already" in advice
    await attempt(link, "bridges.destroy", bridgeId="f-2")


async def test_a_channel_that_is_not_up(linked: tuple[Link, Sink]) -> None:
    link, sink = linked
    await attempt(link, "channels.create", endpoint=LOCAL, channelId="f-down")
    await sink.wait_for(lambda told: told["type"] == "StasisStart" and told["channel"]["id"] == "f-down")
    status, advice = await attempt(link, "channels.play", channelId="f-down", media="sound:beep")
    assert (status, "channels.dial" in advice) == (412, True)
    await attempt(link, "channels.hangup", channelId="f-down")


async def test_an_unloaded_module(linked: tuple[Link, Sink], asterisk: PrivateAsterisk) -> None:
    await asterisk.cli("module unload res_ari_device_states.so")
    try:
        status, advice = await attempt(linked[0], "deviceStates.list")
    finally:
        await asterisk.cli("module load res_ari_device_states.so")
    assert status == 404
    assert "res_ari_device_states.so is not loaded" in advice
    assert "module load" in advice


@pytest.mark.parametrize(
    ("op", "params", "status", "word"),
    [
        ("channels.get", {"channelId": "gone"}, 404, "has ended"),
        ("deviceStates.update", {"deviceName": "desk", "deviceState": "INUSE"}, 409, "Stasis:"),
        ("bridges.createWithId", {"bridgeId": "f-x", "type": "nonsense"}, 500, "mixing"),
        (
            "events.userEvent",
            {"eventName": "e", "application": "aribridge", "variables": {"x": "y" * 50_000}},
            413,
            "40 KB",
        ),
        ("channels.get", {"channelId": "x" * 5000}, 400, "4096 bytes"),
    ],
)
async def test_other_known_failures(
    linked: tuple[Link, Sink], op: str, params: dict[str, Any], status: int, word: str
) -> None:
    answered, advice = await attempt(linked[0], op, **params)
    assert answered == status
    assert word in advice


async def test_html_becomes_a_message(linked: tuple[Link, Sink]) -> None:
    answer = await linked[0].call(Command("pbx", "channels.get", {"channelId": "x" * 5000}))
    assert (answer.status, answer.content_type) == (400, "application/json")
    assert json.loads(answer.body or b"") == {"message": "400 Bad Request: Request line too long"}


async def test_nothing_is_said_about_success_or_the_unknown() -> None:
    command = Command("pbx", "channels.list")
    assert explain(command, Answer(200, b"[]")) == ""
    assert explain(command, Answer(418, b'{"message":"teapot"}')) == ""


async def test_the_session_limit_names_itself() -> None:
    """Over the limit Asterisk closes the connection without a word, as here."""
    async with FaultyProxy("http://127.0.0.1:1/ari") as proxy:
        settings = AsteriskSettings(url=proxy.url, password="x")
        async with running_link(settings, wait=False) as (link, _):
            await until(lambda: "sessionlimit" in link.reason, what="the reason")
