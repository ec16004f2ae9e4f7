"""What the event socket does not tell: an Asterisk that is locked up, an application that somebody changed."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest
from ari_lab import ALL_METHODS, FaultyProxy, Sink, running_link, settings_of
from real.asterisk import fresh_asterisk
from real.machine import suspend
from real.wait import until

from aribridge.ari import Link, connect, http
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.command import Command
from aribridge.protocol.problems import Problem


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look every moment."""
    assert connect.WATCH <= 10
    monkeypatch.setattr(connect, "WATCH", 0.3)


async def ari(asterisk: PrivateAsterisk, method: str, path: str, body: Any = None, **query: str) -> Any:
    """Ask Asterisk as another client does, past the gateway."""
    import aiohttp

    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, asterisk.ari_url + path, params=query, json=body) as answer,
    ):
        assert answer.status < 300, await answer.text()
        return await answer.json() if answer.content_type == "application/json" else None


async def call_made(link: Link, sink: Sink, channel: str) -> None:
    """A call comes and goes, and its events are told."""
    params = {"endpoint": "Local/600@default", "channelId": channel, "extension": "601"}
    await link.call(Command(link.name, "channels.originate", params))
    await sink.wait_for(lambda told: told["type"] == "ChannelCreated" and told["channel"]["id"] == channel)
    await link.call(Command(link.name, "channels.hangup", {"channelId": channel}))
    await sink.wait_for(lambda told: told["type"] == "ChannelDestroyed" and told["channel"]["id"] == channel)


async def test_an_asterisk_that_is_locked_up_inside_is_noticed(asterisk22: PrivateAsterisk, watchful: None) -> None:
    async with (
        FaultyProxy(asterisk22.ari_url) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url, timeout=1, app="locked")) as (link, sink),
    ):
        proxy.mute = ALL_METHODS
        lost = await sink.wait_for_type("lost")
        assert "does not answer in time" in lost["reason"]
        proxy.mute = ()
        await until(lambda: link.up, what="up again")


async def test_commands_that_take_all_connections_are_no_lock_up(asterisk22: PrivateAsterisk, watchful: None) -> None:
    async with (
        FaultyProxy(asterisk22.ari_url) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url, timeout=0.5, connections=1, commands="http")) as (
            link,
            sink,
        ),
    ):
        # A look that is under way now is answered; the next ones find no connection.
        proxy.mute = (b"DELETE ",)
        with pytest.raises(Problem):
            await link.call(Command("pbx", "channels.hangup", {"channelId": "x"}), timeout=2)
        assert "lost" not in sink.types()


@pytest.mark.parametrize("fault", ["unsubscribed", "filtered"])
async def test_what_another_client_changed_is_made_right(asterisk: PrivateAsterisk, watchful: None, fault: str) -> None:
    app = f"changed-{fault}"
    async with running_link(settings_of(asterisk, app=app)) as (link, sink):
        if fault == "unsubscribed":
            await ari(
                asterisk, "DELETE", f"/applications/{app}/subscription", eventSource="channel:__AST_CHANNEL_ALL_TOPIC"
            )
        else:
            unwanted = {"disallowed": [{"type": "ChannelCreated"}]}
            await ari(asterisk, "PUT", f"/applications/{app}/eventFilter", unwanted)
        lost = await sink.wait_for_type("lost")
        assert "changed the subscriptions or the event filter" in lost["reason"]
        await until(lambda: link.up, what="up again")
        await call_made(link, sink, f"{app}-1")
        assert sink.types().count("lost") == 1


async def test_calls_that_come_and_go_change_nothing(linked: tuple[Link, Sink], watchful: None) -> None:
    link, sink = linked
    for number in range(3):
        await call_made(link, sink, f"quiet-{number}")
        await asyncio.sleep(0.4)
    assert "lost" not in sink.types()


async def test_unwanted_events_do_not_come_even_when_asterisk_forgot(asterisk: PrivateAsterisk) -> None:
    settings = settings_of(asterisk, app="filtered", events_disallowed=["ChannelUserevent", "ChannelVarset"])
    async with FaultyProxy(asterisk.ari_url) as proxy:
        settings.url = proxy.url
        async with running_link(settings) as (link, sink):
            for number in (1, 2):
                described = await ari(asterisk, "GET", "/applications/filtered")
                kinds = {event["type"] for event in described["events_disallowed"]}
                assert kinds == {"ChannelUserevent", "ChannelVarset"}
                await ari(asterisk, "POST", "/events/user/unwanted", application="filtered")
                await call_made(link, sink, f"filtered-{number}")
                proxy.cut()
                await until(lambda number=number: sink.types().count("up") == number + 1, what="up again")
            assert not {"ChannelUserevent", "ChannelVarset"} & set(sink.types())


async def test_a_filter_that_somebody_left_is_cleared(asterisk: PrivateAsterisk) -> None:
    async with (
        FaultyProxy(asterisk.ari_url) as proxy,
        running_link(settings_of(asterisk, url=proxy.url, app="left")) as (link, sink),
    ):
        # A subscription to an object keeps the application, with its filter, beyond the end of the socket.
        params = {"endpoint": "Local/600@default", "channelId": "left-stays"}
        await link.call(Command("pbx", "channels.originate", params))
        await sink.wait_for_type("StasisStart")
        await ari(asterisk, "PUT", "/applications/left/eventFilter", {"allowed": [{"type": "StasisStart"}]})
        proxy.cut()
        await sink.wait_for_type("lost")
        await until(lambda: link.up, what="up again")
        await call_made(link, sink, "left-1")
        await link.call(Command("pbx", "channels.hangup", {"channelId": "left-stays"}))
        told = json.dumps(await ari(asterisk, "GET", "/applications/left"))
        assert '"events_allowed": []' in told


@pytest.mark.parametrize("release", ["22", "16"])
async def test_a_reload_costs_nothing(release: Any, watchful: None) -> None:
    async with fresh_asterisk(release) as asterisk, running_link(settings_of(asterisk)) as (link, sink):
        for command in ("module reload res_ari.so", "module reload http", "module reload", "core reload"):
            await asterisk.cli(command)
            await call_made(link, sink, f"reload-{command.replace(' ', '-')}")
        assert "lost" not in sink.types()


async def test_a_user_that_a_reload_took_away_is_noticed(watchful: None) -> None:
    async with fresh_asterisk("22") as asterisk, running_link(settings_of(asterisk)) as (link, sink):
        ari_conf = asterisk.folder / "etc" / "ari.conf"
        written = ari_conf.read_text()
        ari_conf.write_text(written.replace(asterisk.password, "another"))
        await asterisk.cli("module reload res_ari.so")
        await sink.wait_for_type("lost")
        await until(lambda: "refuses user aribridge" in link.reason, what="the reason")


@pytest.mark.parametrize("release", ["22", "16"])
async def test_a_stopped_asterisk_is_noticed_and_found_again(release: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEARTBEAT", 1.0)
    async with (
        fresh_asterisk(release) as asterisk,
        running_link(settings_of(asterisk, timeout=1)) as (link, sink),
    ):
        assert asterisk.pid is not None
        await suspend(asterisk.pid)
        flying = asyncio.create_task(link.call(Command("pbx", "channels.hangup", {"channelId": "x"})))
        lost = await sink.wait_for_type("lost")
        assert "stopped answering pings" in lost["reason"]
        with pytest.raises(Problem) as caught:
            await flying
        assert (caught.value.code, caught.value.outcome) == ("timeout", "unknown")
        with pytest.raises(Problem) as caught:
            await link.call(Command("pbx", "asterisk.ping", {}))
        assert (caught.value.code, caught.value.status, caught.value.retry) == ("target_down", 503, "after")
        os.kill(asterisk.pid, signal.SIGCONT)
        await until(lambda: link.up, within=30, what="up again")
        await call_made(link, sink, "after-1")
