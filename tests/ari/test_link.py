"""The link to real Asterisks, 22 and 16."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from ari_lab import FaultyProxy, Sink, running_link, settings_of
from real.asterisk import fresh_asterisk
from real.wait import until
from structlog.testing import capture_logs

from aribridge.ari import Link, http
from aribridge.ari.catalogue import Catalogue
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.command import Answer, Command
from aribridge.core.settings import AsteriskSettings
from aribridge.protocol.problems import Problem


async def call(link: Link, op: str, **params: Any) -> Answer:
    return await link.call(Command(link.name, op, params))


def of_channel(channel: str, kind: str) -> Any:
    return lambda told: told["type"] == kind and told.get("channel", {}).get("id") == channel


async def test_a_link_that_is_up_knows_its_asterisk(
    linked: tuple[Link, Sink], asterisk: PrivateAsterisk, request: pytest.FixtureRequest
) -> None:
    link, sink = linked
    described: Catalogue = request.getfixturevalue(f"catalogue{asterisk.release}")
    assert link.catalogue is not None
    assert link.catalogue.to_json() == sorted_like(described, link.catalogue)
    assert link.version == asterisk.installation.version_text
    assert (link.up, link.reason, link.standby) == (True, "", False)
    assert sink.types()[0] == "up"


def sorted_like(described: Catalogue, served: Catalogue) -> list[dict[str, Any]]:
    """The operations in the order of the served index; the folder's order is the alphabet's."""
    by_id = {operation["id"]: operation for operation in described.to_json()}
    assert by_id.keys() == {operation.id for operation in served}
    return [by_id[operation.id] for operation in served]


async def test_a_call_from_originate_to_hangup(linked: tuple[Link, Sink]) -> None:
    link, sink = linked
    command = link.resolve("POST", "/channels", {"endpoint": "Local/600@default"}, {"channelId": "life-1"})
    answer = await link.call(command)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body or b"")["id"] == "life-1"

    started = await sink.wait_for(of_channel("life-1", "StasisStart"))
    assert started["application"] == link.app
    answer = await call(link, "channels.hangup", channelId="life-1", reason="busy")
    assert answer == Answer(204)
    await sink.wait_for(of_channel("life-1", "ChannelDestroyed"))

    life = [told["type"] for told in sink.told if told.get("channel", {}).get("id") == "life-1"]
    milestones = ["ChannelCreated", "ChannelStateChange", "StasisStart", "StasisEnd", "ChannelDestroyed"]
    assert [kind for kind in life if kind in milestones] == milestones


async def test_a_user_event_is_told_whatever_its_name(linked: tuple[Link, Sink]) -> None:
    """Also one that is called as the mark that the gateway sets when it leaves."""
    link, sink = linked
    await call(link, "events.userEvent", eventName="aribridge.parted.not", application=link.app)
    await sink.wait_for(lambda told: told.get("eventname") == "aribridge.parted.not")


async def test_what_enters_the_application_while_the_link_is_made_is_told_once(asterisk: PrivateAsterisk) -> None:
    """Its events come by a subscription of its own, too, until the link has taken that back."""
    settings = settings_of(asterisk, app="early")
    auth = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    query = {"endpoint": "Local/600@default", "app": "early", "otherChannelId": "early-2"}
    async with aiohttp.ClientSession(headers=auth) as beside:
        async with beside.ws_connect(f"{asterisk.ari_url}/events?app=early"):
            async with beside.post(f"{asterisk.ari_url}/channels/early-1", params=query) as made:
                assert made.status == 200
            async with running_link(settings) as (link, sink):
                await call(link, "channels.setChannelVar", channelId="early-1", variable="SEEN", value="once")
                await call(link, "channels.hangup", channelId="early-1")
                await sink.wait_for(of_channel("early-1", "ChannelDestroyed"))
                await sink.wait_for(of_channel("early-2", "ChannelDestroyed"))
        of_channels = [json.dumps(told) for told in sink.told if "channel" in told]
        assert len(set(of_channels)) == len(of_channels)
        assert sum(told.get("variable") == "SEEN" for told in sink.told) == 1


async def test_events_of_calls_outside_the_application_come_too(linked: tuple[Link, Sink]) -> None:
    link, sink = linked
    await call(link, "channels.originate", endpoint="Local/600@default", channelId="out-1", extension="601")
    await sink.wait_for(of_channel("out-1", "ChannelCreated"))
    if link.version.startswith("16"):
        await sink.wait_for_type("DeviceStateChanged")
    await call(link, "bridges.createWithId", bridgeId="out-b", type="mixing")
    await call(link, "bridges.destroy", bridgeId="out-b")
    await sink.wait_for_type("BridgeDestroyed")
    await call(link, "channels.hangup", channelId="out-1")
    await sink.wait_for(of_channel("out-1", "ChannelDestroyed"))


async def test_only_the_applications_own_events_with_app(asterisk: PrivateAsterisk) -> None:
    async with running_link(settings_of(asterisk, events="app", app="narrow")) as (link, sink):
        await call(link, "channels.originate", endpoint="Local/600@default", channelId="not-own", extension="600")
        await call(link, "channels.originate", endpoint="Local/600@default", channelId="own")
        await sink.wait_for(of_channel("own", "StasisStart"))
        for channel in ("not-own", "own"):
            await call(link, "channels.hangup", channelId=channel)
        await sink.wait_for(of_channel("own", "ChannelDestroyed"))
        assert not {"not-own", "not-own;2"} & {told.get("channel", {}).get("id") for told in sink.told}


async def test_long_lists_and_text_arrive_as_they_were(linked: tuple[Link, Sink]) -> None:
    link, sink = linked
    await call(link, "channels.originate", endpoint="Local/600@default", channelId="text/1 é")
    await sink.wait_for(of_channel("text/1 é", "StasisStart"))
    for value in ("a b+c&d=é/?#%", "x" * 5000):
        await call(link, "channels.setChannelVar", channelId="text/1 é", variable="TEXT", value=value)
        # 16 answers before it has set it.
        await sink.wait_for(lambda told, value=value: told["type"] == "ChannelVarset" and told["value"] == value)
        answer = await call(link, "channels.getChannelVar", channelId="text/1 é", variable="TEXT")
        assert json.loads(answer.body or b"") == {"value": value}
    playback = await call(link, "channels.play", channelId="text/1 é", media=["sound:beep", "tone:440,480"])
    assert json.loads(playback.body or b"")["next_media_uri"] == "tone:440,480"
    await call(link, "channels.hangup", channelId="text/1 é")
    await sink.wait_for(of_channel("text/1 é", "ChannelDestroyed"))


async def test_a_bridge_is_made_with_variables(asterisk22: PrivateAsterisk) -> None:
    async with running_link(settings_of(asterisk22)) as (link, _):
        answer = await call(link, "bridges.create", type="mixing", variables={"COLOUR": "blue"})
        assert answer.status == 200
        bridge = json.loads(answer.body or b"")["id"]
        answer = await call(link, "bridges.getBridgeVar", bridgeId=bridge, variable="COLOUR")
        assert json.loads(answer.body or b"") == {"value": "blue"}
        await call(link, "bridges.destroy", bridgeId=bridge)


async def test_many_commands_at_once_share_few_connections(asterisk22: PrivateAsterisk) -> None:
    async with FaultyProxy(asterisk22.ari_url) as proxy:
        settings = settings_of(asterisk22, url=proxy.url, connections=3, commands="http")
        async with running_link(settings) as (link, _):
            answers = await asyncio.gather(*(call(link, "asterisk.ping") for _ in range(50)))
            assert {answer.status for answer in answers} == {200}
        assert proxy.connections <= 4


async def test_a_wrong_password_is_said_clearly_and_not_tried_in_a_loop(asterisk: PrivateAsterisk) -> None:
    async with FaultyProxy(asterisk.ari_url) as proxy:
        settings = settings_of(asterisk, url=proxy.url, password="wr0ng-s3cret")
        with capture_logs() as logs:
            async with running_link(settings, wait=False) as (link, sink):
                await until(lambda: "refuses user aribridge" in link.reason, what="the reason")
                # Longer than two pauses of any other outage: the next try is ten seconds away.
                await asyncio.sleep(2)
                assert proxy.requests == 1
                assert "ari.conf" in link.reason
                assert not link.up
                with pytest.raises(Problem) as caught:
                    link.resolve("GET", "/channels", None, None)
                assert caught.value.code == "target_down"
        assert sink.told == []
    downs = [log for log in logs if log["event"] == "link.down"]
    assert len(downs) == 1, "for the refusal; that we stop is no fault"
    assert "wr0ng-s3cret" not in str(logs) + link.reason


async def test_it_comes_up_with_asterisk_and_again_after_a_restart() -> None:
    async with fresh_asterisk("22") as asterisk:
        await asterisk.stop()
        async with running_link(settings_of(asterisk), wait=False) as (link, sink):
            await until(lambda: "cannot be connected to" in link.reason, what="the reason")
            assert asterisk.ari_url in link.reason
            await asterisk.start()
            await sink.wait_for_type("up")
            assert (link.up, link.reason) == (True, "")

            await asterisk.stop()
            await sink.wait_for_type("lost")
            assert not link.up
            with pytest.raises(Problem) as caught:
                await call(link, "channels.list")
            problem = caught.value
            assert (problem.code, problem.status, problem.retry) == ("target_down", 503, "after")
            assert problem.outcome == "not_applied"
            assert problem.after_ms > 0
            assert asterisk.ari_url not in problem.detail

            await asterisk.start()
            await until(lambda: sink.types().count("up") == 2, within=30, what="up again")
            assert [kind for kind in sink.types() if kind in ("up", "lost")] == ["up", "lost", "up"]
            await call(link, "channels.originate", endpoint="Local/600@default", channelId="again-1", extension="600")
            await sink.wait_for(of_channel("again-1", "ChannelCreated"))


async def test_subscriptions_are_there_after_every_reconnect(asterisk: PrivateAsterisk) -> None:
    async with (
        FaultyProxy(asterisk.ari_url) as proxy,
        running_link(settings_of(asterisk, url=proxy.url)) as (link, sink),
    ):
        # An object subscribed to by itself keeps the application alive, and subscribeAll would then be ignored.
        await call(link, "channels.originate", endpoint="Local/600@default", channelId="stay-1")
        await sink.wait_for(of_channel("stay-1", "StasisStart"))
        proxy.cut()
        await sink.wait_for_type("lost")
        await until(lambda: link.up, what="up again")
        await call(link, "channels.originate", endpoint="Local/600@default", channelId="stay-2", extension="601")
        await sink.wait_for(of_channel("stay-2", "ChannelCreated"))
        for channel in ("stay-1", "stay-2"):
            await call(link, "channels.hangup", channelId=channel)
            await sink.wait_for(of_channel(channel, "ChannelDestroyed"))


async def test_newer_asterisks_are_not_asked_for_device_states(linked: tuple[Link, Sink]) -> None:
    """Subscribed to them, 22.10.1 locks up after some ten connections that end while calls end (see connect.py)."""
    link, _ = linked
    answer = await call(link, "applications.get", applicationName=link.app)
    subscribed = json.loads(answer.body or b"")
    for kind in ("channel_ids", "bridge_ids", "endpoint_ids"):
        assert any(name.startswith("__AST_") for name in subscribed[kind])
    assert bool(subscribed["device_names"]) == link.version.startswith("16")


async def test_the_word_in_another_event_is_no_replacement(asterisk22: PrivateAsterisk) -> None:
    async with running_link(settings_of(asterisk22)) as (link, sink):
        variables = {"text": '{"type":"ApplicationReplaced"}'}
        await call(link, "events.userEvent", eventName="trick", application=link.app, variables=variables)
        event = await sink.wait_for_type("ChannelUserevent")
        assert event["userevent"]["text"] == variables["text"]
        assert link.up


async def test_a_half_open_link_is_noticed(asterisk22: PrivateAsterisk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert http.HEARTBEAT * 1.5 <= 20
    monkeypatch.setattr(http, "HEARTBEAT", 0.4)
    async with (
        FaultyProxy(asterisk22.ari_url) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url, timeout=1)) as (link, sink),
    ):
        proxy.frozen = True
        lost = await sink.wait_for_type("lost")
        assert "stopped answering pings" in lost["reason"]
        proxy.frozen = False
        proxy.cut()
        await until(lambda: link.up, what="up again")


async def test_a_late_answer_leaves_the_outcome_open(asterisk22: PrivateAsterisk) -> None:
    async with (
        FaultyProxy(asterisk22.ari_url) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url, connections=1, commands="http")) as (link, _),
    ):
        proxy.frozen = True
        late = asyncio.create_task(link.call(Command("pbx", "channels.hangup", {"channelId": "x"}), timeout=2))
        requests = proxy.requests
        await until(lambda: proxy.requests > requests, what="the request")
        # The pool's only connection is taken: this one never leaves.
        with pytest.raises(Problem) as caught:
            await link.call(Command("pbx", "channels.hangup", {"channelId": "y"}), timeout=0.2)
        assert (caught.value.code, caught.value.status, caught.value.outcome) == ("timeout", 504, "not_applied")
        with pytest.raises(Problem) as caught:
            await late
        assert (caught.value.code, caught.value.outcome) == ("timeout", "unknown")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_cut_connection_repeats_only_what_reads(
    asterisk22: PrivateAsterisk, unasked: None, method: str
) -> None:
    async with (
        FaultyProxy(asterisk22.ari_url) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url, commands="http")) as (link, _),
    ):
        requests = proxy.requests
        proxy.cut_next = True
        command = link.resolve(method, "/channels/none", None, None)
        if method == "GET":
            assert (await link.call(command)).status == 404
            assert proxy.requests == requests + 2
        else:
            with pytest.raises(Problem) as caught:
                await link.call(command)
            problem = caught.value
            assert (problem.code, problem.outcome, problem.retry) == ("target_down", "unknown", "never")
            assert "sessionlimit" in problem.detail
            assert proxy.requests == requests + 1


async def test_a_read_only_user_gets_no_subscriptions_and_the_log_says_so(asterisk22: PrivateAsterisk) -> None:
    ari_conf = asterisk22.folder / "etc" / "ari.conf"
    written = ari_conf.read_text()
    ari_conf.write_text(f"{written}\n[viewer]\ntype = user\npassword = viewer\nread_only = yes\n")
    try:
        await asterisk22.cli("module reload res_ari.so")
        settings = settings_of(asterisk22, user="viewer", password="viewer", app="viewed")
        with capture_logs() as logs:
            async with running_link(settings) as (link, _):
                answer = await call(link, "channels.answer", channelId="x")
                assert answer.status == 403
        refused = [log for log in logs if log["event"] == "link.subscription_refused"]
        assert [log["source"] for log in refused] == ["channel:", "bridge:", "endpoint:"]
        assert "read_only=no" in refused[0]["remedy"]
    finally:
        ari_conf.write_text(written)
        await asterisk22.cli("module reload res_ari.so")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "http://127.0.0.1:1/ari"}, "cannot be connected to"),
        ({"url": "http://no-such-host.invalid:8088/ari"}, "host name that cannot be resolved"),
    ],
)
async def test_the_reason_names_what_is_wrong(changes: dict[str, Any], reason: str) -> None:
    settings = AsteriskSettings(password="x", **changes)
    async with running_link(settings, wait=False) as (link, _):
        await until(lambda: reason in link.reason, what=reason)
        assert changes["url"] in link.reason


async def test_a_url_that_is_no_ari_is_said_to_be_none(asterisk22: PrivateAsterisk) -> None:
    base = asterisk22.ari_url.removesuffix("/ari")
    async with running_link(settings_of(asterisk22, url=f"{base}/other"), wait=False) as (link, _):
        await until(lambda: "is not the base of an ARI" in link.reason, what="the reason")
        assert "enabled=yes" in link.reason
    async with running_link(settings_of(asterisk22, url=f"https{base[4:]}/ari"), wait=False) as (link, _):
        await until(lambda: "does not speak TLS" in link.reason, what="the reason")


async def test_a_ca_file_that_cannot_be_used_stops_the_link(asterisk22: PrivateAsterisk) -> None:
    link = Link(settings_of(asterisk22, ca_file="/nonexistent/ca.pem"), Sink())
    with pytest.raises(ValueError, match=r"asterisk pbx: ca_file /nonexistent/ca\.pem cannot be used"):
        await link.run()


async def test_stopping_releases_everything(asterisk22: PrivateAsterisk) -> None:
    tasks = asyncio.all_tasks()
    async with running_link(settings_of(asterisk22)) as (link, sink):
        pass
    assert sink.types()[-1] == "lost"
    assert not link.up
    await until(lambda: asyncio.all_tasks() <= tasks, what="no task left")
    with pytest.raises(Problem) as caught:
        await call(link, "asterisk.ping")
    assert caught.value.code == "target_down"
