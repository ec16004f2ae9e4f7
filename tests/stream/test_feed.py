"""From a link's events to the stream: nothing is told before the state is right, and nothing is told twice."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest
from models.pbx import ModelPbx
from models.streams import StreamClient
from real.wait import until

from aribridge.core.command import Answer
from aribridge.core.settings import StreamSettings
from aribridge.core.state.objects import CallState
from aribridge.core.state.resync import Read
from aribridge.hub import Feed
from aribridge.hub import feed as feed_module
from aribridge.hub import resync as resync_module
from aribridge.protocol.problems import Problem
from aribridge.stream import Stream


class FaultyAsterisk:
    """A model whose answers can be held back, or be refusals; its events go to the feed when told."""

    def __init__(self):
        self.pbx, self.asked, self.faults = ModelPbx(), [], []
        self.answering = asyncio.Event()
        self.answering.set()

    async def ask(self, op, params):
        self.asked.append(op)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Problem):
                raise fault
            return Answer(fault, b"<html>")
        kind, _, _ = op.partition(".")
        status, body = self.pbx.read(Read(op, params, kind, next(iter(params.values()), "")))
        await self.answering.wait()
        return Answer(status, json.dumps(body).encode())

    def tell(self, feed):
        while self.pbx.topics:
            feed.event(json.dumps(self.pbx.deliver(next(iter(self.pbx.topics)))))


@pytest.fixture
def asterisk():
    return FaultyAsterisk()


@pytest.fixture
def stream():
    return Stream("pbx", StreamSettings())


@asynccontextmanager
async def running(stream, asterisk, on_event=None):
    feed = Feed(stream, on_event, asterisk.ask, None)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def drained(feed):
    await until(lambda: not feed._waiting, every=0.001, what="everything was fed")


async def test_what_asterisk_tells_twice_while_the_link_begins_is_told_once(stream, asterisk):
    client = StreamClient(stream)
    asterisk.answering.clear()
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        for _ in range(2):
            feed.event('{"type":"ChannelVarset","value":"early","timestamp":"2026-01-01T00:00:00.000+0000"}')
            feed.event('{"type":"DeviceStateChanged","value":"of no time"}')
        asterisk.answering.set()
        await until(lambda: stream.is_open, every=0.001)
        for _ in range(2):
            feed.event('{"type":"ChannelVarset","value":"later","timestamp":"2026-01-01T00:00:00.000+0000"}')
        await drained(feed)
    client.read()
    assert [event["value"] for _, _, event in client.got] == ["early", "of no time", "of no time", "later"]


async def test_what_scripts_publish_while_the_link_is_down_falls_into_the_gap(stream, asterisk):
    """Clients were told that nothing comes until the next gap."""
    client = StreamClient(stream)
    async with running(stream, asterisk) as feed:
        feed.publish({"type": "TooEarly"})
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        feed.publish({"type": "InTime"})
        await drained(feed)
        client.read()
        feed.lost("the test said so")
        feed.publish({"type": "TooLate"})
        await drained(feed)
    client.read()
    assert [event["type"] for _, _, event in client.got] == ["InTime"]


async def test_what_happens_while_the_state_is_read_is_told_afterwards_once(stream, asterisk):
    client = StreamClient(stream)
    watcher = StreamClient(stream, mode="state")
    asterisk.pbx.create_channel("before")
    asterisk.pbx.topics.clear()
    asterisk.answering.clear()
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: len(asterisk.asked) == 3, every=0.001)
        asterisk.pbx.create_channel("meanwhile")
        asterisk.pbx.change_channel("before", state="Up")
        asterisk.tell(feed)
        assert not stream.is_open
        asterisk.answering.set()
        await drained(feed)
        assert sorted(stream.state.ids("channels")) == ["before", "meanwhile"]
        assert sorted(asterisk.asked[3:]) == ["channels.get", "channels.get"]
        client.read()
        watcher.read()
        assert [event["type"] for _, _, event in client.got] == ["ChannelCreated", "ChannelStateChange"]
        assert watcher.state["channels"] == asterisk.pbx.objects["channels"]
        assert watcher.position == stream.position
        asterisk.pbx.change_channel("meanwhile", state="Up")
        asterisk.tell(feed)
        await drained(feed)
        watcher.read()
        assert watcher.state["channels"] == asterisk.pbx.objects["channels"]


async def test_a_link_lost_while_the_state_is_read_opens_nothing(stream, asterisk):
    asterisk.answering.clear()
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: len(asterisk.asked) == 3, every=0.001)
        asterisk.pbx.create_channel("lost")
        asterisk.tell(feed)
        feed.lost("the test said so")
        await drained(feed)
        assert not stream.is_open
        asterisk.answering.set()
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        assert stream.state.ids("channels") == ("lost",)
        assert stream.position["seq"] == 0


async def test_refusals_are_asked_again(stream, asterisk, monkeypatch):
    monkeypatch.setattr(resync_module, "_PAUSE_SECONDS", 0.0)
    asterisk.faults = [503, Problem("timeout", "no answer"), 500, 503]
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        assert len(asterisk.asked) == 7


async def test_what_an_old_asterisk_lacks_is_not_there(stream, asterisk):
    asterisk.faults = [Problem("unknown_operation", "no such thing")] * 3
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        assert list(stream.state.items()) == []


async def test_more_events_than_can_wait_are_a_gap_and_the_state_is_read_anew(stream, asterisk, monkeypatch):
    monkeypatch.setattr(feed_module, "_MOST_WAITING", 10)
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        client = StreamClient(stream)
        for number in range(25):
            asterisk.pbx.create_channel(f"c{number}")
        asterisk.tell(feed)
        await drained(feed)
        client.read()
        assert len(client.holes) == 1
        assert client.position["epoch"] == stream.position["epoch"]
        assert stream.state.values("channels") == asterisk.pbx.objects["channels"]


async def test_whose_a_call_is_outlives_more_events_than_can_wait_while_the_state_is_read(
    stream, asterisk, monkeypatch
):
    monkeypatch.setattr(feed_module, "_MOST_WAITING", 10)
    asterisk.answering.clear()
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: asterisk.asked, every=0.001)
        feed.own("c0", "ivr.lua")
        for number in range(25):
            asterisk.pbx.create_channel(f"c{number}")
        asterisk.tell(feed)
        asterisk.answering.set()
        await drained(feed)
        assert stream.state.values("channels")["c0"]["aribridge"] == {"owner": "ivr.lua"}


async def test_a_burst_that_is_given_up_while_the_state_is_read_leaves_fewer_than_there_were(
    stream, asterisk, monkeypatch
):
    monkeypatch.setattr(feed_module, "_MOST_WAITING", 10)
    asterisk.answering.clear()
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        for number in range(9):
            asterisk.pbx.create_channel(f"c{number}")
        asterisk.tell(feed)
        await until(lambda: asterisk.asked, every=0.001)
        asterisk.pbx.create_channel("one-too-many")
        asterisk.tell(feed)
        asterisk.answering.set()
        await until(lambda: stream.is_open, every=0.001)
        await drained(feed)
        assert stream.state.values("channels") == asterisk.pbx.objects["channels"]


async def test_what_a_script_drops_or_changes_is_still_so(stream, asterisk):
    def on_event(_, event):
        return None if event["type"] == "ChannelStateChange" else event | {"channel": {"id": "made up"}}

    async with running(stream, asterisk, on_event) as feed:
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        client, watcher = StreamClient(stream), StreamClient(stream, mode="state")
        asterisk.pbx.create_channel("a")
        asterisk.pbx.change_channel("a", state="Up")
        asterisk.tell(feed)
        await drained(feed)
        client.read()
        watcher.read()
        assert [event["channel"]["id"] for _, _, event in client.got] == ["made up"]
        assert watcher.state["channels"] == asterisk.pbx.objects["channels"]


async def test_events_of_scripts_keep_their_place_and_odd_ones_are_left_out(stream, asterisk):
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        client = StreamClient(stream)
        asterisk.pbx.create_channel("a")
        asterisk.tell(feed)
        feed.publish({"type": "Lunch"})
        feed.event("not json")
        feed.event(f'{{"type":"ChannelUserevent","deep":{"[" * 100_000}{"]" * 100_000}}}')
        asterisk.pbx.create_channel("b")
        asterisk.tell(feed)
        await drained(feed)
        client.read()
        assert [event["type"] for _, _, event in client.got] == ["ChannelCreated", "Lunch", "ChannelCreated"]


async def test_what_was_given_up_is_not_continued_by_a_link_that_comes_too_late(stream, asterisk):
    stream.open(CallState())
    saved, stream = stream.save(), Stream("pbx", StreamSettings())
    stream.restore(saved, everything=True)
    asterisk.pbx.create_channel("a")
    async with running(stream, asterisk) as feed:
        feed.lost("Asterisk does not dial in.")
        feed.up(continued=True)
        asterisk.tell(feed)
        await until(lambda: stream.is_open, every=0.001, within=5, what="the stream opens")
        await drained(feed)
        assert stream.state.values("channels") == asterisk.pbx.objects["channels"]


async def test_scripts_add_no_events_where_many_wait_and_those_of_asterisk_are_taken(stream, asterisk, monkeypatch):
    monkeypatch.setattr(feed_module, "_MOST_PUBLISHED", 3)
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        client = StreamClient(stream)
        for number in range(3):
            feed.publish({"type": f"Lunch{number}"})
        with pytest.raises(Problem, match="3 events wait") as refused:
            feed.publish({"type": "OneTooMany"})
        assert refused.value.code == "too_many_requests"
        asterisk.pbx.create_channel("c1")
        asterisk.tell(feed)
        await drained(feed)
        client.read()
        kinds = [event["type"] for _, _, event in client.got]
        assert kinds == ["Lunch0", "Lunch1", "Lunch2", "ChannelCreated"]


async def test_others_have_their_turn_while_many_events_wait(stream, asterisk):
    async with running(stream, asterisk) as feed:
        feed.up(continued=False)
        await until(lambda: stream.is_open, every=0.001)
        for number in range(300):
            feed.publish({"type": f"Bench{number}"})
        waiting = []
        while feed.waiting:
            waiting.append(feed.waiting)
            await asyncio.sleep(0)
        assert len(waiting) > 4


@pytest.mark.parametrize(("filter_", "most"), [({"type": ["Nothing"]}, 3), ({"type": ["ChannelVarset"]}, 13)])
async def test_what_takes_long_leaves_others_their_turns(stream, asterisk, filter_, most):
    """A slow script: so many events at once would hold up everybody, but those who are told of them save writes."""
    turns, told = [0], []
    async with running(stream, asterisk, lambda _, event: told.append(turns[0]) or event) as feed:
        feed.up(continued=False)
        await feed.opened.wait()
        clients = [StreamClient(stream, filter=filter_) for _ in range(3000)]
        feed._clock = lambda: 0.01 * len(told)  # each event takes 10 ms
        for number in range(40):
            feed.event(f'{{"type":"ChannelVarset","value":"{number}"}}')
        while len(told) < 40:
            await asyncio.sleep(0)
            turns[0] += 1
    assert most - 2 < max(told.count(turn) for turn in told) <= most
    assert all(client.view for client in clients)


async def test_events_that_take_no_time_are_fed_many_at_once(stream, asterisk):
    turns, told = [0], []
    async with running(stream, asterisk, lambda _, event: told.append(turns[0]) or event) as feed:
        feed.up(continued=False)
        await feed.opened.wait()
        feed._clock = lambda: 0.0
        for number in range(640):
            feed.event(f'{{"type":"ChannelVarset","value":"{number}"}}')
        while len(told) < 640:
            await asyncio.sleep(0)
            turns[0] += 1
    assert len(set(told)) == 10
