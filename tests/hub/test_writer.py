"""The sending half of a connection, on a carrier that has no room."""

import asyncio

from models.simulated import in_simulated_time

from aribridge.core.settings import LimitSettings
from aribridge.hub.writer import Writer


class FaultyCarrier:
    """Never has room for anything: what no real client can be made to do in a short test."""

    kind, peer, ordered, reliable, max_send = "websocket", "nowhere", True, True, 65536

    def __init__(self):
        self.closed = None

    def send_now(self, frames):
        return 0

    async def send(self, frame):
        await asyncio.Event().wait()

    async def close(self, code, reason):
        self.closed = (code, reason)


@in_simulated_time
async def test_a_carrier_without_room_is_given_up_and_closed():
    carrier = FaultyCarrier()

    def stalled():
        writer.finish("goodbye", 4007, "slow_consumer", at_once=True)

    writer = Writer(carrier, LimitSettings(), lambda: False, stalled)
    writer.put("an event")
    async with asyncio.timeout(60):
        await writer.run()
    assert carrier.closed == (4007, "slow_consumer")


@in_simulated_time
async def test_a_carrier_that_takes_one_frame_after_the_other_is_not_given_up(monkeypatch):
    carrier, given_up = FaultyCarrier(), []
    taken = []

    async def send(frame):
        await asyncio.sleep(2)  # twenty of them take longer than one may
        taken.append(frame)
        if len(taken) == 20:
            writer.finish("goodbye", 4000, "draining")

    monkeypatch.setattr(carrier, "send", send)
    writer = Writer(carrier, LimitSettings(), lambda: False, lambda: given_up.append(True))
    for number in range(20):
        writer.put(f"event {number}")
    async with asyncio.timeout(600):
        await writer.run()
    assert taken == [*(f"event {number}" for number in range(20)), "goodbye"]
    assert given_up == []


@in_simulated_time
async def test_what_is_about_to_be_sent_counts_as_waiting():
    """Operators are shown it: who reads nothing may have all of it there."""
    carrier = FaultyCarrier()
    writer = Writer(carrier, LimitSettings(), lambda: False, lambda: None)
    sending = asyncio.create_task(writer.run())
    for _ in range(3):
        writer.put("an event")
    await asyncio.sleep(1)
    assert (writer.waiting, writer.waiting_bytes) == (3, 3 * len("an event"))
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


@in_simulated_time
async def test_who_was_said_goodbye_is_not_said_another():
    carrier, given_up = FaultyCarrier(), []
    writer = Writer(carrier, LimitSettings(), lambda: False, lambda: given_up.append(True))
    writer.put("an event")
    sending = asyncio.create_task(writer.run())
    await asyncio.sleep(1)
    writer.finish("goodbye", 4005, "ping_timeout")
    async with asyncio.timeout(20):
        await sending
    assert (carrier.closed, given_up) == ((4005, "ping_timeout"), [])


async def test_a_client_for_whom_more_waits_than_may_is_given_up():
    given_up = []
    writer = Writer(FaultyCarrier(), LimitSettings(outbox_messages=2), lambda: False, lambda: given_up.append(True))
    writer.put("one")
    writer.put("two")
    assert given_up == []
    writer.put("three")
    assert given_up == [True]


async def test_what_found_no_room_goes_before_the_goodbye(monkeypatch):
    carrier, taken = FaultyCarrier(), []

    def send_now(frames):
        writer.finish("goodbye", 4000, "draining")
        return 0

    async def send(frame):
        taken.append(frame)

    monkeypatch.setattr(carrier, "send_now", send_now)
    monkeypatch.setattr(carrier, "send", send)
    writer = Writer(carrier, LimitSettings(), lambda: False, lambda: None)
    writer.put("an event")
    async with asyncio.timeout(5):
        await writer.run()
    assert taken == ["an event", "goodbye"]


async def test_a_carrier_with_room_for_all_gets_it_in_turns(monkeypatch):
    carrier, turns = FaultyCarrier(), []

    def send_now(frames):
        turns.append(len(frames))
        if sum(turns) == 1000:
            writer.finish("goodbye", 4000, "draining")
        return len(frames)

    async def send(frame):
        pass

    monkeypatch.setattr(carrier, "send_now", send_now)
    monkeypatch.setattr(carrier, "send", send)
    writer = Writer(carrier, LimitSettings(), lambda: False, lambda: None)
    for number in range(1000):
        writer.put(f"event {number}")
    async with asyncio.timeout(5):
        await writer.run()
    assert len(turns) > 3
    assert max(turns) <= 256
