"""One application, several clients: who has it, who stands by, and how it changes hands, on real Asterisks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from ari_lab import running_link, settings_of
from real.asterisk import fresh_asterisk
from real.wait import until

from aribridge.ari import Link, standby
from aribridge.ari.backoff import LONGEST
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.command import Command
from aribridge.protocol.problems import Problem


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application counts as free after a moment."""
    assert standby.FREE_FOR > LONGEST, "who lost it for a moment comes back first"
    monkeypatch.setattr(standby, "POLL", 0.1)
    monkeypatch.setattr(standby, "FREE_FOR", 0.5)


@asynccontextmanager
async def client_of(asterisk: PrivateAsterisk) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def taken(session: aiohttp.ClientSession, asterisk: PrivateAsterisk, app: str) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect(f"{asterisk.ari_url}/events?app={app}", protocols=("ari",))


async def refusal(link: Link) -> Problem:
    with pytest.raises(Problem) as caught:
        await link.call(Command(link.name, "asterisk.ping", {}))
    return caught.value


async def user_event(session: aiohttp.ClientSession, asterisk: PrivateAsterisk, app: str, name: str) -> None:
    async with session.post(f"{asterisk.ari_url}/events/user/{name}", params={"application": app}) as answer:
        assert answer.status == 204


async def test_an_application_taken_by_another_is_left_to_it(asterisk: PrivateAsterisk, impatient: None) -> None:
    async with (
        client_of(asterisk) as other,
        running_link(settings_of(asterisk, app="contested")) as (link, sink),
    ):
        taker = await taken(other, asterisk, "contested")
        lost = await sink.wait_for_type("lost")
        assert "took the application contested" in lost["reason"]
        assert "aribridge takeover pbx" in lost["reason"]
        assert (link.up, link.standby, link.reason) == (False, True, lost["reason"])
        problem = await refusal(link)
        assert (problem.code, problem.status, problem.retry, problem.outcome) == (
            "target_down", 503, "after", "not_applied",
        )  # fmt: skip
        assert "stands by" in problem.detail
        # Several looks, and twice the time after which it would be free.
        await asyncio.sleep(1)
        await user_event(other, asterisk, "contested", "still-here")
        event: dict[str, Any] = {}
        while event.get("type") != "ChannelUserevent":
            event = json.loads((await taker.receive(timeout=20)).data)
            assert event["type"] != "ApplicationReplaced"
        assert "ApplicationReplaced" not in sink.types()

        await taker.close()
        if asterisk.release == "16":
            # 16 keeps an application that subscribed to all channels: whether somebody has it cannot be seen.
            async with other.get(f"{asterisk.ari_url}/applications/contested") as answer:
                assert answer.status == 200
            link.take_over()
        await until(lambda: link.up, what="it takes what nobody has")
        assert sink.types().count("up") == 2
        await user_event(other, asterisk, "contested", "mine-again")
        await sink.wait_for(lambda told: told.get("eventname") == "mine-again")


async def test_it_stands_by_from_the_beginning_until_told_otherwise(asterisk: PrivateAsterisk) -> None:
    settings = settings_of(asterisk, app="pair")
    async with running_link(settings) as (active, active_told):
        async with running_link(settings_of(asterisk, app="pair", standby=True), wait=False) as (link, sink):
            await until(lambda: "Standing by for the application pair" in link.reason, what="the reason")
            assert "aribridge takeover pbx" in link.reason
            assert link.standby
            assert "stands by" in (await refusal(link)).detail
            assert active.up

            link.take_over()
            await sink.wait_for_type("up")
            assert (link.up, link.standby, link.reason) == (True, False, "")
            await active_told.wait_for_type("lost")
            assert (active.up, active.standby) == (False, True)

            # And back.
            active.take_over()
            await until(lambda: active.up, what="the first has it again")
            await sink.wait_for_type("lost")
            assert (link.up, link.standby) == (False, True)
        assert active.up, "who stands by takes nothing along when it goes"


async def test_nothing_is_taken_over_by_who_has_it(asterisk22: PrivateAsterisk) -> None:
    async with running_link(settings_of(asterisk22, app="mine")) as (link, sink):
        link.take_over()
        async with client_of(asterisk22) as other:
            taker = await taken(other, asterisk22, "mine")
            await sink.wait_for_type("lost")
            assert link.standby, "the order of before is not one for now"
            await taker.close()


async def test_who_stands_by_says_that_asterisk_is_away_and_comes_up_with_it(impatient: None) -> None:
    async with fresh_asterisk("22") as asterisk:
        await asterisk.stop()
        async with running_link(settings_of(asterisk, standby=True), wait=False) as (link, sink):
            await until(lambda: "cannot be connected to" in link.reason, what="the reason")
            assert "Standing by" in link.reason
            await asterisk.start()
            await sink.wait_for_type("up")


async def test_a_takeover_while_asterisk_is_away_goes_on_as_any_link(impatient: None) -> None:
    async with fresh_asterisk("22") as asterisk:
        await asterisk.stop()
        async with running_link(settings_of(asterisk, standby=True), wait=False) as (link, sink):
            await until(lambda: "cannot be connected to" in link.reason, what="the reason")
            link.take_over()
            await until(lambda: "Standing by" not in link.reason, what="the order is taken")
            assert not link.standby
            await asterisk.start()
            await sink.wait_for_type("up")


async def test_stopping_while_standing_by_releases_everything(asterisk22: PrivateAsterisk) -> None:
    tasks = asyncio.all_tasks()
    async with running_link(settings_of(asterisk22, standby=True), wait=False) as (link, _):
        await until(lambda: "Standing by" in link.reason, what="the reason")
    await until(lambda: asyncio.all_tasks() <= tasks, what="no task left")
