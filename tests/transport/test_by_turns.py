"""Whose turn it is, of connections that say much at once, and of those that ask for more than they may."""

import asyncio
from types import SimpleNamespace

import pytest
from real.wait import until

from aribridge.transport.turns import ByTurns, Turns

PIECES = 20


class Connection(ByTurns):
    """One whose pieces take a hundredth of a second each; it is its own transport."""

    piece = at_once = 10

    def __init__(self, turns, clock, *, is_welcome=True, held=False):
        super().__init__(turns)
        self.taken, self.is_read, self.held, self.is_cut = b"", True, held, False
        self._transport, self._clock, self._is_welcome = self, clock, is_welcome

    def take(self, data):
        if b"fault" in data:
            raise ZeroDivisionError
        self.taken += data
        self._clock.now += 0.01
        return self._is_welcome

    @property
    def is_held(self):
        return self.held

    def is_closing(self):
        return False

    def abort(self):
        self.is_cut = True

    def pause_reading(self):
        self.is_read = False

    def resume_reading(self):
        self.is_read = True


def connections(*wishes):
    clock = SimpleNamespace(now=0.0)
    turns = Turns(lambda: clock.now)
    return [Connection(turns, clock, **wish) for wish in wishes]


async def test_what_is_brief_is_taken_before_what_waits():
    long, brief = connections({}, {})
    long.data_received(b"x" * 10 * PIECES)
    brief.data_received(b"y")
    assert brief.taken == b"y"
    assert len(long.taken) == 10
    assert (long.is_read, brief.is_read) == (False, True)
    await until(lambda: long.is_read)
    assert long.taken == b"x" * 10 * PIECES


async def test_who_asks_for_too_much_rests_between_its_pieces_and_is_not_read():
    greedy, other = connections({"is_welcome": False}, {})
    greedy.data_received(b"x" * 10 * PIECES)
    for turn in range(PIECES):
        await asyncio.sleep(0)
        other.data_received(b"y")
        assert (len(other.taken), other.is_read) == (turn + 1, True)
    assert len(greedy.taken) < 10 * PIECES / 2
    assert not greedy.is_read
    await until(lambda: greedy.is_read, every=0.001)
    assert greedy.taken == b"x" * 10 * PIECES


async def test_what_comes_while_it_rests_waits():
    [greedy] = connections({"is_welcome": False})
    greedy.data_received(b"x")
    greedy.data_received(b"y")
    assert greedy.taken == b"x"
    await until(lambda: greedy.taken == b"xy")


async def test_all_that_ask_for_too_much_rest_together():
    """Else many of them would have all of the time."""
    greedy = connections(*[{"is_welcome": False}] * PIECES)
    for one in greedy:
        one.data_received(b"x" * 20)
    await until(lambda: len(greedy[0].taken) == 20, every=0.001)
    # By the time that its turn comes again, each of the others had one.
    assert sum(len(one.taken) for one in greedy) <= 10 * (PIECES + 2)
    await until(lambda: all(one.is_read for one in greedy))


async def test_what_is_held_is_not_taken_until_it_says_so():
    [held] = connections({"held": True})
    held.data_received(b"x" * 30)
    await asyncio.sleep(0)
    assert (held.taken, held.is_read) == (b"", False)
    held.held = False
    held.go_on()
    await until(lambda: held.is_read)
    assert held.taken == b"x" * 30


async def test_who_is_gone_while_it_rests_is_forgotten():
    gone, stays = connections({"is_welcome": False}, {"is_welcome": False})
    for one in (gone, stays):
        one.data_received(b"x" * 20)
    gone.connection_lost(None)
    await until(lambda: len(stays.taken) == 20)
    assert len(gone.taken) == 10


@pytest.mark.parametrize("is_welcome", [True, False], ids=["waits", "rests"])
async def test_a_fault_in_taking_it_ends_one_connection_and_holds_up_no_other(is_welcome):
    faulty, *others = connections(*[{"is_welcome": is_welcome}] * 4)
    failures = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    faulty.data_received(b"x" * 10 + b"fault")
    for other in others:
        other.data_received(b"x" * 20)
    await until(lambda: all(other.is_read for other in others), every=0.001)
    assert [len(other.taken) for other in others] == [20] * 3
    assert [type(failure) for failure in failures] == [ZeroDivisionError]
    assert [one.is_cut for one in (faulty, *others)] == [True, False, False, False]
