"""Tokens that expire at the same moment, as after a restart: their connections end one after the other."""

import asyncio
import time

from models.simulated import in_simulated_time
from real.wait import until

from aribridge.core.settings import LimitSettings
from aribridge.hub.liveness import Liveness, Row

MANY = 300


def clocks(ended: list[tuple[str, int]], turn: list[int]) -> list[Liveness]:
    """Of many clients whose token has expired for good by now."""
    row, limits = Row(), LimitSettings(expiry_seconds=0.0)
    found = [Liveness(limits, lambda: None, lambda slug, _: ended.append((slug, turn[0])), row) for _ in range(MANY)]
    for one in found:
        one.expire_at(time.time())
    return found


@in_simulated_time
async def test_others_have_their_turns_in_between():
    ended, turn = [], [0]
    clocks(ended, turn)
    while len(ended) < MANY:
        await asyncio.sleep(0.0005)
        turn[0] += 1
    turns = [at for _, at in ended]
    assert {slug for slug, _ in ended} == {"token_expired"}
    assert len(set(turns)) == MANY


@in_simulated_time
async def test_a_fresh_token_that_comes_before_its_turn_saves_a_connection():
    ended = []
    found = clocks(ended, [0])
    await until(lambda: ended, every=0.0005, what="the first one ends")
    assert len(ended) < MANY
    found[-1].expire_at(time.time() + 60)
    await asyncio.sleep(1)
    assert len(ended) == MANY - 1
    found[-1].stop()


def test_a_place_in_the_row_is_never_before_now_and_never_two_at_once():
    row = Row()
    places = [row.place(10.0) for _ in range(1000)]
    assert places[0] == 10.0
    assert len(set(places)) == 1000
    assert row.place(20.0) == 20.0
