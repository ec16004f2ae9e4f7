"""Real phones and a web page on a data channel talk through the gateway to Asterisk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from real.client import PageClient
    from real.gateway import Gateway
    from real.sipp import Phones


@pytest.fixture
async def operator(plain: PageClient, any_gateway: Gateway) -> PageClient:
    """A page that hears of everything."""
    await plain.open(any_gateway, "rtc")
    await plain.subscribe()
    return plain


async def test_a_page_answers_plays_and_hangs_up(operator: PageClient, phones: Phones, any_gateway: Gateway) -> None:
    phone = await phones.call(any_gateway.asterisk.sip_port, "1234")
    start = await operator.event("StasisStart")
    channel = start["channel"]["id"]
    assert start["channel"]["dialplan"]["exten"] == "1234"
    assert start["channel"]["caller"]["name"] == "Test phone"

    assert (await operator.request("POST", f"/channels/{channel}/answer"))["status"] == 204
    played = await operator.request("POST", f"/channels/{channel}/play", media="sound:beep")
    assert played["status"] == 201
    finished = await operator.event("PlaybackFinished")
    assert (finished["playback"]["id"], finished["playback"]["state"]) == (played["body"]["id"], "done")

    assert (await operator.request("DELETE", f"/channels/{channel}"))["status"] == 204
    await phone.done()
    await operator.story(channel, until="ChannelDestroyed")


async def test_a_caller_who_hangs_up_is_seen(operator: PageClient, phones: Phones, any_gateway: Gateway) -> None:
    phone = await phones.call(any_gateway.asterisk.sip_port, "1234", scenario="call_for_a_while", ms=300)
    channel = (await operator.event("StasisStart"))["channel"]["id"]
    await operator.request("POST", f"/channels/{channel}/answer")
    story = await operator.story(channel, until="ChannelDestroyed")
    assert "ChannelHangupRequest" in story
    await phone.done()


async def test_a_page_calls_a_phone(operator: PageClient, phones: Phones) -> None:
    phone = await phones.answerer()
    made = await operator.request("POST", "/channels", endpoint=f"PJSIP/loopback/sip:phone@127.0.0.1:{phone.port}")
    assert made["status"] == 200
    await operator.story(made["body"]["id"], until="StasisStart")
    await operator.request("DELETE", f"/channels/{made['body']['id']}")
    await phone.done()
