"""Commands by WebSocket, in lanes of their own, on a real Asterisk."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from ari_lab import ALL_METHODS, FaultyProxy, Sink, lanes_of, running_link, settings_of, until_lanes
from real.asterisk import fresh_asterisk
from real.wait import until

from aribridge.ari import Link, lanes
from aribridge.ari.advisories import can_lane
from aribridge.ari.versions import as_numbers
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.command import Answer, Command
from aribridge.protocol.problems import Problem


@asynccontextmanager
async def by_lanes(asterisk: PrivateAsterisk, **changes: Any) -> AsyncIterator[tuple[Link, Sink, FaultyProxy]]:
    """A link with all its lanes up, and the proxy that it goes through."""
    async with (
        FaultyProxy(asterisk.ari_url) as proxy,
        running_link(settings_of(asterisk, url=proxy.url, **changes)) as (link, sink),
    ):
        await until_lanes(link)
        yield link, sink, proxy


async def call(link: Link, op: str, timeout: float | None = None, **params: Any) -> Answer:  # noqa: ASYNC109 (of the command)
    return await link.call(Command(link.name, op, params), timeout)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("16.28.0", False),
        ("20.20.0", False),
        ("20.20.1", True),
        ("20.21.0", True),
        ("21.12.0", False),
        ("22.10.0", False),
        ("22.10.1", True),
        ("23.4.0", False),
        ("23.4.1", True),
        ("24.0.0", True),
        ("GIT-master", False),
    ],
)
def test_only_versions_without_the_advisory_get_lanes(version: str, safe: bool) -> None:
    assert can_lane(as_numbers(version)) is safe


async def test_an_answer_by_lane_is_as_by_http(asterisk22: PrivateAsterisk) -> None:
    commands: list[tuple[str, dict[str, Any]]] = [
        ("channels.originate", {"endpoint": "Local/600@default", "channelId": "lane/1 é"}),
        ("channels.get", {"channelId": "lane/1 é"}),
        ("channels.getChannelVar", {"channelId": "lane/1 é", "variable": "NONE"}),
        ("channels.startMoh", {"channelId": "lane/1 é"}),
        ("channels.hangup", {"channelId": "lane/1 é"}),
        ("channels.get", {"channelId": "no such"}),
        ("channels.sendDTMF", {"channelId": "no such", "dtmf": "1"}),
        ("asterisk.setGlobalVar", {"variable": "LANE", "value": 'a b+c&d=é/?#%"'}),
        ("asterisk.getGlobalVar", {"variable": "LANE"}),
        ("bridges.createWithId", {"bridgeId": "lane-b", "type": "mixing", "name": "é"}),
        ("bridges.destroy", {"bridgeId": "lane-b"}),
        ("bridges.createWithId", {"bridgeId": "lane-c", "type": "nonsense"}),
        ("events.userEvent", {"eventName": "none", "application": "nobody", "variables": {"é": "ü"}}),
    ]
    seen = []
    for way in ("auto", "http"):
        async with running_link(settings_of(asterisk22, commands=way, app="alike")) as (link, sink):
            if way == "auto":
                await until_lanes(link)
            answers = []
            for op, params in commands:
                answer = await call(link, op, **params)
                answers.append((op, answer.status, answer.content_type, shape(answer.body)))
                if op == "channels.originate":
                    await sink.wait_for_type("StasisStart")
            for ident in ("lane/1 é", "lane/1 é;2"):
                await sink.wait_for(of_channel(ident, "ChannelDestroyed"))
            seen.append(answers)
    assert seen[0] == seen[1]
    assert {200, 204, 404} <= {status for _, status, _, _ in seen[0]}


def of_channel(ident: str, kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda told: told["type"] == kind and told["channel"]["id"] == ident


def shape(body: bytes | None) -> Any:
    """A body without what differs from one time to the next."""
    told = json.loads(body) if body else None
    return sorted(told) if isinstance(told, dict) and "id" in told else told


async def test_quick_commands_need_no_http(asterisk22: PrivateAsterisk, unasked: None) -> None:
    async with by_lanes(asterisk22) as (link, _, proxy):
        requests = proxy.requests
        for _ in range(20):
            assert (await call(link, "asterisk.ping")).status == 200
        assert (await call(link, "channels.hangup", channelId="none")).status == 404
        assert proxy.requests == requests
        # Functions may do anything, a long list takes its time, a long body has no place.
        await call(link, "asterisk.getGlobalVar", variable="RAND(1,2)")
        await call(link, "channels.list")
        await call(link, "asterisk.setGlobalVar", variable="LONG", value="x" * 9000)
        assert proxy.requests == requests + 3


async def test_many_at_once_are_each_given_their_own_answer(asterisk22: PrivateAsterisk) -> None:
    async with by_lanes(asterisk22) as (link, _, _):
        names = [f"MINE{number}" for number in range(100)]
        await asyncio.gather(*(call(link, "asterisk.setGlobalVar", variable=name, value=name) for name in names))
        answers = await asyncio.gather(*(call(link, "asterisk.getGlobalVar", variable=name) for name in names))
        assert [json.loads(answer.body or b"") for answer in answers] == [{"value": name} for name in names]


async def test_frames_of_every_length_in_one_write(asterisk22: PrivateAsterisk, unasked: None) -> None:
    values = {f"LENGTH{size}": "é" * size for size in (1, 2, 3, 4, 20, 40, 60, 100, 300, 600)}
    async with by_lanes(asterisk22) as (link, _, proxy):
        requests = proxy.requests
        await asyncio.gather(
            *(call(link, "asterisk.setGlobalVar", variable=name, value=value) for name, value in values.items())
        )
        answers = await asyncio.gather(*(call(link, "asterisk.getGlobalVar", variable=name) for name in values))
        assert [json.loads(answer.body or b"")["value"] for answer in answers] == [*values.values()]
        assert proxy.requests == requests


async def test_lanes_carry_no_events_and_end_with_the_link(asterisk22: PrivateAsterisk) -> None:
    async with running_link(settings_of(asterisk22, commands="http", app="beside")) as (beside, sink):
        async with by_lanes(asterisk22, app="main-one") as (link, _, _):
            for lane in await lanes_of(link):
                assert lane["events_allowed"] == [{"type": "RESTResponse"}]
                assert not [*lane["channel_ids"], *lane["bridge_ids"], *lane["endpoint_ids"], *lane["device_names"]]

        async def gone() -> bool:
            return "main-one-lane-" not in str((await call(beside, "applications.list")).body)

        await until(gone, what="lanes gone")
        assert sink.types() == ["up"]


async def test_a_gateway_whose_application_is_taken_leaves_its_lanes(asterisk22: PrivateAsterisk) -> None:
    async with (
        by_lanes(asterisk22, app="taken") as (first, sink, _),
        by_lanes(asterisk22, app="taken") as (second, _, _),
    ):
        await sink.wait_for_type("lost")
        assert (first.standby, first.commands) == (True, "http")
        assert (await call(second, "asterisk.ping")).status == 200


@pytest.mark.parametrize(("release", "commands"), [("22", "http"), ("16", "auto")])
async def test_all_goes_by_http_where_lanes_are_not_to_be(
    asterisk22: PrivateAsterisk, asterisk16: PrivateAsterisk, release: str, commands: str
) -> None:
    asterisk = {"22": asterisk22, "16": asterisk16}[release]
    async with running_link(settings_of(asterisk, commands=commands, app="plain")) as (link, _):
        answers = [await call(link, "asterisk.getInfo") for _ in range(3)]
        assert {answer.status for answer in answers} == {200}
        assert link.commands == "http"
        assert b"plain-lane-" not in ((await call(link, "applications.list")).body or b"")


async def test_a_lane_without_answers_holds_up_nobody_else(
    asterisk22: PrivateAsterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FaultyProxy swallows what lanes carry: a real Asterisk loses an answer too rarely."""
    monkeypatch.setattr(lanes, "REPEAT_READS", 0.2)
    async with by_lanes(asterisk22, timeout=2) as (link, sink, proxy):
        proxy.lanes_mute = True
        read = await call(link, "asterisk.ping")
        assert read.status == 200
        with pytest.raises(Problem) as caught:
            await call(link, "channels.hangup", timeout=0.3, channelId="none")
        assert (caught.value.code, caught.value.status, caught.value.outcome) == ("timeout", 504, "unknown")
        assert "did not answer in time" in caught.value.detail

        async def by_http() -> bool:
            """Each lane that was asked in vain takes nothing more."""
            try:
                return (await call(link, "channels.hangup", timeout=0.3, channelId="none")).status == 404
            except Problem:
                return False

        await until(by_http, what="a command that goes by HTTP")
        assert link.commands == "http"
        proxy.lanes_mute = False
        await until_lanes(link)
        assert sink.types() == ["up"]


async def test_what_is_slow_by_http_does_not_hold_up_the_lanes(asterisk22: PrivateAsterisk, unasked: None) -> None:
    """FaultyProxy swallows HTTP requests, as an operation has them that waits for a channel's thread."""
    async with by_lanes(asterisk22) as (link, _, proxy):
        proxy.mute = ALL_METHODS
        slow = [asyncio.create_task(call(link, "channels.list", timeout=60)) for _ in range(20)]
        answers = [await call(link, "asterisk.ping") for _ in range(50)]
        assert {answer.status for answer in answers} == {200}
        assert not any(task.done() for task in slow)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_a_lane_that_is_cut_ends_what_it_carries_truthfully(asterisk22: PrivateAsterisk) -> None:
    async with by_lanes(asterisk22) as (link, sink, proxy):
        proxy.lanes_mute = True
        writing = asyncio.create_task(call(link, "channels.hangup", channelId="none"))
        reading = asyncio.create_task(call(link, "channels.get", channelId="none"))
        # One turn of the loop: both are on their lanes.
        await asyncio.sleep(0)
        proxy.cut_lanes()
        with pytest.raises(Problem) as caught:
            await writing
        assert (caught.value.code, caught.value.outcome, caught.value.retry) == ("target_down", "unknown", "never")
        assert (await reading).status == 404
        assert (await call(link, "channels.hangup", channelId="none")).status == 404
        proxy.lanes_mute = False
        await until_lanes(link)
        assert sink.types() == ["up"]


async def test_what_a_lane_did_not_take_goes_by_http(asterisk22: PrivateAsterisk) -> None:
    """In the turn in which a socket ends, nobody has noticed yet."""
    async with by_lanes(asterisk22) as (link, _, _):
        assert link._lanes is not None
        for lane in link._lanes._lanes:
            lane._socket._transport.close()  # type: ignore[attr-defined]
        assert (await call(link, "channels.hangup", channelId="none")).status == 404


async def test_a_killed_asterisk_leaves_the_outcome_open_and_lanes_come_back() -> None:
    async with (
        fresh_asterisk("22") as asterisk,
        running_link(settings_of(asterisk)) as (link, sink),
    ):
        await until_lanes(link)
        assert asterisk.pid is not None
        os.kill(asterisk.pid, signal.SIGSTOP)
        flying = [asyncio.create_task(call(link, "channels.hangup", channelId="x")) for _ in range(10)]
        # One turn of the loop: they are on their lanes.
        await asyncio.sleep(0)
        await asterisk.kill()
        # On a busy machine Asterisk may have answered some before it stopped.
        outcomes = await asyncio.gather(*flying, return_exceptions=True)
        unanswered = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
        assert all((one.code, one.outcome) == ("target_down", "unknown") for one in unanswered)
        assert all(one.status == 404 for one in outcomes if one not in unanswered)
        await sink.wait_for_type("lost")
        await asterisk.start()
        await until(lambda: link.up, within=30, what="up again")
        await until_lanes(link)


async def test_a_caller_that_gave_up_leaves_no_trace(asterisk22: PrivateAsterisk, unasked: None) -> None:
    async with by_lanes(asterisk22) as (link, _, proxy):
        calls = [asyncio.create_task(call(link, "asterisk.ping")) for _ in range(40)]
        await asyncio.sleep(0)
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert link._lanes is not None
        await until(lambda: not any(lane.busy for lane in link._lanes._lanes), what="all are answered")
        requests = proxy.requests
        assert (await call(link, "asterisk.ping")).status == 200
        assert proxy.requests == requests
