"""Who owns what, and when it is to end."""

from itertools import pairwise

import pytest

from aribridge.core.making import Thing
from aribridge.core.ownership import SECONDS, Ownership
from aribridge.protocol.problems import Problem

ALICE, BOB = ("alice", None), ("bob", None)


def thing(name="c1"):
    return Thing("pbx", "channels", name)


def owning(**bounds):
    table = Ownership(**bounds)
    table.came("one", ALICE)
    return table


def test_it_is_due_when_the_grace_is_over():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    assert table.next_due is None
    table.left("one", 100.0)
    assert (table.next_due, table.due(109.0), table.due(110.0)) == (110.0, [], [thing()])
    assert not table.is_due(thing(), 109.0)
    assert table.is_due(thing(), 110.0)


def test_a_resume_stops_the_grace():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    table.left("one", 0.0)
    table.came("two", ALICE)
    assert table.resume("two", "one")
    assert table.next_due is None
    table.left("two", 50.0)
    assert table.next_due == 60.0


def test_a_resume_brings_along_what_was_made_before_it():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    table.came("two", ALICE)
    table.own(thing("c2"), "two", ALICE, 20.0, 0.0)
    assert table.resume("two", "one")
    table.left("one", 0.0)
    assert table.next_due is None
    table.left("two", 0.0)
    assert sorted(one.id for one in table.due(20.0)) == ["c1", "c2"]


def test_every_earlier_connection_is_good_for_a_resume():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    for before, connection in (("one", "two"), ("two", "three"), ("one", "four")):
        table.came(connection, ALICE)
        assert table.resume(connection, before)
    for connection in ("one", "two", "three"):
        table.left(connection, 0.0)
    assert table.next_due is None
    table.left("four", 0.0)
    assert table.next_due == 10.0


def test_of_many_connections_in_a_row_none_is_forgotten_while_it_lives():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    row = ["one", *(f"again-{number}" for number in range(20))]
    for before, connection in pairwise(row):
        table.came(connection, ALICE)
        assert table.resume(connection, before)
    table.own(thing("c2"), "one", ALICE, 10.0, 0.0)
    for connection in row:
        assert table.next_due is None
        table.left(connection, 0.0)
    assert sorted(one.id for one in table.due(10.0)) == ["c1", "c2"]


def test_another_subject_resumes_nothing():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    table.left("one", 0.0)
    table.came("two", BOB)
    assert not table.resume("two", "one")
    assert table.next_due == 10.0


def test_what_is_made_after_the_loss_is_due_after_its_grace():
    table = owning()
    table.left("one", 0.0)
    table.own(thing(), "one", ALICE, 10.0, 5.0)
    table.own(thing("c2"), "never heard of", ALICE, 10.0, 6.0)
    assert table.due(16.0) == [thing(), thing("c2")]


def test_another_subjects_thing_stays_that():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    table.came("two", BOB)
    table.own(thing(), "two", BOB, 0.0, 0.0)
    table.left("two", 0.0)
    assert table.next_due is None


def test_what_ended_is_due_no_more():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    table.left("one", 0.0)
    table.ended(thing())
    table.ended(thing())
    table.postpone(thing(), 50.0)
    assert (table.next_due, len(table), table.of("pbx")) == (None, 0, [])


def test_what_cannot_end_now_ends_later():
    table = owning()
    table.own(thing(), "one", ALICE, 10.0, 0.0)
    table.left("one", 0.0)
    table.postpone(thing(), 12.0)
    assert (table.due(11.0), table.due(12.0)) == ([], [thing()])


def test_a_client_and_all_clients_own_so_much_and_no_more():
    table = owning(most_of_one=2, most=3)
    for name in ("c1", "c2"):
        table.check_room("one")
        table.own(thing(name), "one", ALICE, 10.0, 0.0)
    with pytest.raises(Problem, match="2 channels"):
        table.check_room("one")
    table.came("two", BOB)
    table.check_room("two")
    table.own(thing("c3"), "two", BOB, 10.0, 0.0)
    with pytest.raises(Problem):
        table.check_room("three")


def test_lost_clients_that_own_nothing_are_forgotten_after_a_while():
    table = owning()
    table.came("two", ALICE)
    table.own(thing(), "two", ALICE, 2 * SECONDS, 0.0)
    table.left("one", 0.0)
    table.left("two", 0.0)
    table.came("three", ALICE)
    table.left("three", SECONDS + 1)
    table.came("four", ALICE)
    assert not table.resume("four", "one")
    assert table.resume("four", "two")
    table.left("four", SECONDS + 2)
    table.left("nobody", SECONDS + 2)


def test_of_too_many_lost_clients_the_first_are_forgotten():
    table = Ownership(most_lost=10)
    for number in range(30):
        table.came(str(number), ALICE)
        table.left(str(number), 0.0)
    table.came("now", ALICE)
    assert not table.resume("now", "5")
    assert table.resume("now", "29")


def test_of_a_long_row_of_connections_that_are_gone_the_first_are_forgotten():
    table = Ownership()
    for number in range(20):
        table.came(f"c{number}", ALICE)
        if number:
            assert table.resume(f"c{number}", f"c{number - 1}")
        table.left(f"c{number}", 0.0)
    table.came("new", ALICE)
    assert not table.resume("new", "c0")
    assert table.resume("new", "c19")
