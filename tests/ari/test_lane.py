"""One lane by itself: how much is put on it, and what is still put behind a request that takes long."""

import asyncio
import json

import pytest
import uvloop

from aribridge.ari.http import NoAnswer
from aribridge.ari.lane import DEPTH, LOST, STUCK, Lane
from aribridge.ari.request import Request
from aribridge.script.testing.clock import SimulatedLoop

PING = Request("GET", "/asterisk/ping")


class FaultySocket:
    """Takes requests and never answers by itself."""

    def __init__(self):
        self.sent = []

    def send_soon(self, frame):
        self.sent.append(json.loads(frame))

    def exception(self):
        return None

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.Event().wait()


@pytest.fixture
def simulated():
    """Run a scene in simulated time."""

    def run(scene):
        loop = SimulatedLoop()
        try:
            loop.run_until_complete(scene())
        finally:
            loop.close()

    return run


def asking(lane, count=1, seconds=60.0):
    return [asyncio.create_task(lane.send(PING, seconds)) for _ in range(count)]


async def give_up(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def answered(lane, socket, number=0):
    response = {"type": "RESTResponse", "request_id": socket.sent[number]["request_id"], "status_code": 200}
    lane._take(json.dumps(response))


def test_so_many_requests_are_under_way_at_once(simulated):
    async def scene():
        lane, tasks = Lane(socket := FaultySocket()), []
        for _ in range(DEPTH):
            assert lane.takes()
            tasks += asking(lane)
            await asyncio.sleep(0)
        assert not lane.takes()
        answered(lane, socket)
        assert lane.takes()
        await give_up(tasks)

    simulated(scene)


def test_nothing_is_put_behind_a_request_that_takes_long(simulated):
    async def scene():
        lane = Lane(socket := FaultySocket())
        tasks = asking(lane)
        await asyncio.sleep(STUCK * 0.9)
        assert lane.takes()
        await asyncio.sleep(STUCK * 0.2)
        assert not lane.takes()
        answered(lane, socket)
        assert lane.takes()
        await give_up(tasks)

    simulated(scene)


def test_a_lane_whose_answer_is_lost_is_retired_though_nobody_waits_for_it(simulated):
    async def scene():
        lane = Lane(socket := FaultySocket())
        await asyncio.sleep(1)
        tasks = asking(lane)
        await asyncio.sleep(0)
        await give_up(tasks)
        await asyncio.sleep(LOST * 1.1)
        assert not lane.takes()
        answered(lane, socket)
        assert not lane.takes()

    simulated(scene)


def test_what_comes_behind_a_request_that_was_given_up_is_answered_and_then_the_lane_ends(simulated):
    async def scene():
        lane = Lane(socket := FaultySocket())
        running = asyncio.create_task(lane.run())
        [first], [second] = asking(lane, seconds=5), asking(lane, seconds=20)
        with pytest.raises(NoAnswer) as late:
            await first
        assert (late.value.sent, late.value.late) == (True, True)
        assert not lane.takes()
        assert not running.done()
        answered(lane, socket, 1)
        assert (await second).status == 200
        await running

    simulated(scene)


def test_requests_may_come_while_the_time_of_one_before_is_up():
    """What uvloop calls at once has a handle that knows no time."""

    async def scene():
        lane = Lane(FaultySocket())
        tasks = [*asking(lane, seconds=0.0001), *asking(lane, seconds=0.2), *asking(lane, seconds=0.1)]
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, NoAnswer), outcome
            assert (outcome.sent, outcome.late) == (True, True)

    uvloop.run(scene())
