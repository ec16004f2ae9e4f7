"""The sending half of a connection, on a carrier that has no room."""

import asyncio

from aribridge.core.settings import LimitSettings
from aribridge.hub import writer as module
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


async def test_a_carrier_without_room_is_given_up_and_closed(monkeypatch):
    monkeypatch.setattr(module, "_STALL_SECONDS", 0.05)
    monkeypatch.setattr(module, "_FAREWELL_SECONDS", 0.05)
    carrier = FaultyCarrier()

    def stalled():
        writer.finish("goodbye", 4007, "slow_consumer", at_once=True)

    writer = Writer(carrier, LimitSettings(), lambda: False, stalled)
    writer.put("an event")
    async with asyncio.timeout(5):
        await writer.run()
    assert carrier.closed == (4007, "slow_consumer")


async def test_a_carrier_that_takes_one_frame_after_the_other_is_not_given_up(monkeypatch):
    monkeypatch.setattr(module, "_STALL_SECONDS", 0.4)
    carrier, given_up = FaultyCarrier(), []
    taken = []

    async def send(frame):
        await asyncio.sleep(0.1)
        taken.append(frame)
        if len(taken) == 10:
            writer.finish("goodbye", 4000, "draining")

    monkeypatch.setattr(carrier, "send", send)
    writer = Writer(carrier, LimitSettings(), lambda: False, lambda: given_up.append(True))
    for number in range(10):
        writer.put(f"event {number}")
    async with asyncio.timeout(5):
        await writer.run()
    assert taken == [*(f"event {number}" for number in range(10)), "goodbye"]
    assert given_up == []


async def test_who_was_said_goodbye_is_not_said_another(monkeypatch):
    monkeypatch.setattr(module, "_FAREWELL_SECONDS", 0.05)
    carrier, given_up = FaultyCarrier(), []
    writer = Writer(carrier, LimitSettings(), lambda: False, lambda: given_up.append(True))
    writer.put("an event")
    sending = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    writer.finish("goodbye", 4005, "ping_timeout")
    async with asyncio.timeout(5):
        await sending
    assert (carrier.closed, given_up) == ((4005, "ping_timeout"), [])
