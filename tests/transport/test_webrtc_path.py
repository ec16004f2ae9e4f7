"""Larger packets where the way carries them: simulated time, and a link that loses what is too large (FaultyLink)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from faulty_link import FaultyLink, Side, connect, disconnect, run_simulated, simulated_until

from aribridge.transport.webrtc.fastpath.path import SIZES, Path

if TYPE_CHECKING:
    from collections.abc import Callable

USUAL = Path().packet & ~3  # chunks are padded
LONG = "".join(f"{number:08}" for number in range(5000))


class Widths:
    """How long the packets are that the first end sends."""

    def __init__(self, link: FaultyLink) -> None:
        self.seen: list[int] = []
        carry = link.carry

        def carrying(source, data, **how):
            if source is link.ends[0]:
                self.seen.append(len(data))
            carry(source, data, **how)

        link.carry = carrying  # type: ignore[method-assign]


async def say(first: Side, second: Side, text: str = LONG) -> None:
    said = len(second.inbox)
    first.channel.send(text)
    await simulated_until(lambda: len(second.inbox) > said)
    assert second.inbox[said:] == [text]


def scene(play: Callable[[FaultyLink, Side, Side, Widths], Any], second: str = "fast", **link: Any) -> None:
    async def played() -> None:
        between = FaultyLink(7, **link)
        sides = await connect(between, ("fast", second))
        await play(between, *sides, Widths(between))
        assert [side.failed for side in sides] == [[], []]
        await disconnect(*sides)

    run_simulated(played)


@pytest.mark.parametrize("second", ["fast", "aiortc"])
@pytest.mark.parametrize(
    ("widest", "found"),
    [(1500, SIZES[0]), (SIZES[0] - 1, SIZES[1]), (USUAL, USUAL)],
    ids=["Ethernet", "tunnel", "less"],
)
def test_the_largest_packets_that_arrive_are_used(second, widest, found):
    async def play(_, first, second, widths):
        for _ in range(3):
            await say(first, second)
            await asyncio.sleep(2)
        widths.seen.clear()
        await say(first, second)
        assert max(widths.seen) == found

    scene(play, second, widest=widest)


def test_short_messages_cause_no_probe():
    async def play(_, first, second, widths):
        for _ in range(50):
            await say(first, second, "short" * 100)
        await asyncio.sleep(5)
        assert max(widths.seen) <= USUAL

    scene(play)


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_way_that_carries_less_than_before_loses_nothing(loss):
    async def play(link, first, second, widths):
        while max(widths.seen, default=0) < SIZES[0]:
            await say(first, second)
            await asyncio.sleep(2)
        link.loss = loss
        link.widest = USUAL
        await say(first, second)
        widths.seen.clear()
        await say(first, second)
        assert max(widths.seen) == USUAL

    scene(play)


def test_only_the_answer_to_the_probe_counts():
    path = Path()
    probe = path.probe(0.0, 0.5)
    path.answered(b"\0\1\0\x0c" + bytes(8))
    path.answered(b"")
    assert path.packet & ~3 == USUAL
    path.answered(probe[4:16])
    assert path.packet == SIZES[0]
    assert path.probe(100.0, 0.5) == b""


def test_probes_that_nobody_answers_end():
    path = Path()
    sent = [bool(path.probe(now * 0.5, 0.2)) for now in range(20)]
    assert sent == [True, False, True, *[False] * 17]
    assert path.packet & ~3 == USUAL
