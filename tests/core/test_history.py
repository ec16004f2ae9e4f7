"""What is kept is bounded in three ways, and found at once."""

from hypothesis import given
from hypothesis import strategies as st

from aribridge.core.events import labels_of
from aribridge.core.history import Entry, History

LABELS = labels_of({})


def entry(seq, text=""):
    return Entry(seq, text, LABELS)


@given(st.lists(st.tuples(st.integers(0, 2000), st.floats(0, 30)), max_size=60))
def test_it_holds_the_newest_entries_within_its_bounds(steps):
    history, now, times = History(most_events=8, most_bytes=15_000, most_seconds=60.0), 0.0, {}
    for seq, (size, pause) in enumerate(steps, 1):
        now += pause
        times[seq] = now
        history.append(entry(seq, "x" * size), now)
        kept = [history[n] for n in range(history.first, history.head + 1)]
        assert history.head == seq
        assert len(kept) == len(history) <= 8
        assert history.bytes == sum(one.size for one in kept) <= 15_000
        assert all(times[one.seq] >= now - 60 for one in kept)
        is_full = len(kept) == 8 or history.bytes + 3800 > 15_000
        assert history.first == 1 or is_full or times[history.first - 1] < now - 60


def test_everything_after_a_seq_is_there_or_not():
    history = History(most_events=3, most_bytes=10**6, most_seconds=60)
    assert [history.follows(n) for n in (0, 1)] == [True, False]
    for seq in range(1, 6):
        history.append(entry(seq), 0)
    assert [history.follows(n) for n in range(1, 7)] == [False, True, True, True, True, False]


def test_a_restart_counts_from_one():
    history = History(most_events=3, most_bytes=10**6, most_seconds=60)
    history.append(entry(1), 0)
    history.restart()
    history.append(entry(1), 0)
    assert (len(history), history.head, history.first) == (1, 1, 1)
