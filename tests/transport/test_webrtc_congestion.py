"""How much is under way, and how long it is waited for: RFC 9260 sections 6.3 and 7.2, in simulated time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiortc.rtcsctptransport import USERDATA_MAX_LENGTH
from faulty_link import FaultyLink, Side, connect, disconnect, run_simulated, simulated_until

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "x" * 200_000


def scene(play: Callable[[FaultyLink, Side, Side], Any]) -> None:
    async def played() -> None:
        link = FaultyLink(10)
        sides = await connect(link)
        sides[0].channel.send(LONG)
        await simulated_until(lambda: sides[1].inbox)
        await asyncio.sleep(1)
        await play(link, *sides)
        await disconnect(*sides)

    run_simulated(played)


def test_several_losses_of_one_window_halve_it_once():
    async def play(link, first, second):
        window = first.association._cwnd
        assert window > 16 * USERDATA_MAX_LENGTH
        for number in range(12):
            link.loss = number in (1, 3)
            first.channel.send("x" * 1000)
            await asyncio.sleep(0.001)
        await simulated_until(lambda: len(second.inbox) == 13)
        await asyncio.sleep(1)
        assert first.association._cwnd == window // 2

    scene(play)


def test_who_sends_little_gains_no_window():
    async def play(link, first, second):
        window = first.association._cwnd
        for _ in range(100):
            first.channel.send("x" * 1000)
            await asyncio.sleep(0.05)
        assert first.association._cwnd == window

    scene(play)


def test_the_round_trip_is_not_measured_with_what_was_sent_twice():
    async def play(link, first, second):
        measured = first.association._srtt
        link.loss = 1
        first.channel.send("lost")
        await asyncio.sleep(0.005)
        link.loss = 0
        await simulated_until(lambda: len(second.inbox) == 2)
        await asyncio.sleep(1)
        assert first.association._srtt == measured

    scene(play)


def test_after_a_timeout_one_packet_goes_alone():
    async def play(link, first, second):
        link.loss = 1
        first.channel.send(LONG)
        await simulated_until(lambda: first.association._cwnd == USERDATA_MAX_LENGTH)
        sent = link.ends[0].sent
        await asyncio.sleep(0.001)
        assert link.ends[0].sent - sent <= 1
        link.loss = 0
        await simulated_until(lambda: len(second.inbox) == 2)

    scene(play)
