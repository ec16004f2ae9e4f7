"""Keyed commands: what is remembered, for how long, and how much of it."""

import pytest

from aribridge.core.idempotency import SECONDS, Idempotency, Key, State
from aribridge.core.making import Thing
from aribridge.protocol.problems import Problem

THING = Thing("pbx", "channels", "c1")
CREATED = {"type": "ChannelCreated", "channel": {"id": "c1"}}
CHANGED = {"type": "ChannelStateChange", "channel": {"id": "c1"}}


def key(name="k", sub="alice"):
    return Key(sub, None, "pbx", "channels.originate", name)


def begun(table, one=None, now=0.0):
    one = one or key()
    assert table.begin(one, b"content", now) is None
    return one


def test_what_was_carried_out_is_remembered_for_a_while():
    table = Idempotency()
    one = begun(table)
    table.over(one, "applied", "reply", 5, 10.0)
    assert table.begin(one, b"content", 10.0 + SECONDS - 1).reply == "reply"
    assert table.begin(one, b"content", 10.0 + SECONDS) is None


def test_what_is_not_over_is_never_forgotten():
    table = Idempotency()
    one = begun(table)
    assert table.begin(one, b"content", 100 * SECONDS).state is State.PENDING


def test_a_full_table_takes_no_new_key_and_forgets_none():
    table = Idempotency(most_bytes=3500, most_of_one=2500)
    kept = [begun(table, key(name)) for name in ("k1", "k2")]
    with pytest.raises(Problem) as refused:
        table.begin(key("k3"), b"content", 0.0)
    assert (refused.value.code, refused.value.outcome, refused.value.retry) == (
        "too_many_requests",
        "not_applied",
        "after",
    )
    begun(table, key("k1", "bob"))
    with pytest.raises(Problem):
        table.begin(key("k1", "carol"), b"content", 0.0)
    assert [table.begin(one, b"content", 0.0).state for one in kept] == [State.PENDING] * 2
    table.over(kept[0], "not_applied", None, 0, 0.0)
    begun(table, key("k1", "carol"))


def test_replies_count_and_are_counted_off():
    table = Idempotency()
    one = begun(table)
    small = table.bytes
    table.over(one, "applied", "reply", 5000, 0.0)
    assert table.bytes == small + 5000
    table.over(one, "applied", "reply", 10, 0.0)
    assert table.bytes == small + 10
    begun(table, key("other"), SECONDS)
    assert (table.bytes, len(table)) == (small, 1)


def test_an_event_of_a_fresh_thing_proves_it_made():
    table = Idempotency()
    one = begun(table)
    table.expect(one, THING, fresh=True)
    table.see("other", CHANGED)
    table.see("pbx", {"type": "ChannelStateChange", "channel": {"id": "c2"}})
    assert table.entry(one).seen is None
    table.see("pbx", CHANGED)
    table.over(one, "unknown", None, 0, 0.0)
    entry = table.begin(one, b"content", 1.0)
    assert entry.to_read is None
    assert entry.settle(one, None) == {"id": "c1"}


def test_of_a_thing_that_may_be_older_only_its_creation_does():
    table = Idempotency()
    one = begun(table)
    table.expect(one, THING, fresh=False)
    table.over(one, "unknown", None, 0, 0.0)
    table.see("pbx", CHANGED)
    entry = table.begin(one, b"content", 1.0)
    assert entry.to_read is None
    with pytest.raises(Problem) as unknown:
        entry.settle(one, None)
    assert (unknown.value.code, unknown.value.outcome) == ("outcome_unknown", "unknown")
    table.see("pbx", CREATED)
    assert entry.settle(one, None) == {"id": "c1"}


def test_two_keys_cannot_both_be_proven_by_one_thing():
    table = Idempotency()
    one, other = begun(table), begun(table, key("other"))
    for each in (one, other):
        table.expect(each, THING, fresh=False)
        table.over(each, "unknown", None, 0, 0.0)
    table.see("pbx", CREATED)
    assert [table.entry(each).seen is not None for each in (one, other)] == [True, False]


def test_what_is_settled_is_remembered_from_then_on():
    table = Idempotency()
    one = begun(table)
    table.expect(one, THING, fresh=True)
    table.over(one, "unknown", None, 0, 0.0)
    table.over(one, "applied", "found", 5, SECONDS / 2)
    assert table.begin(one, b"content", SECONDS + 1).reply == "found"


def test_the_end_of_what_is_forgotten_changes_nothing():
    table = Idempotency()
    table.over(key(), "applied", "reply", 5, 0.0)
    assert (len(table), table.bytes) == (0, 0)
