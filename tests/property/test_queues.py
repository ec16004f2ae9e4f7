"""What waits for a client, and what is kept for those that come back, stays within its bounds, whatever happens."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from models.streams import stream_event

from aribridge.core.history import Entry, History
from aribridge.core.outbox import Outbox

MESSAGES, BYTES = 8, 200
EVENTS, SECONDS = 10, 30.0
KEPT = 20_000


class Waiting(RuleBasedStateMachine):
    """An outbox against a list."""

    def __init__(self):
        super().__init__()
        self.outbox, self.frames = Outbox(MESSAGES, BYTES), []

    @rule(size=st.one_of(st.integers(0, 9), st.integers(0, BYTES + 1)))
    def put(self, size):
        frame = "x" * size
        fits = len(self.frames) < MESSAGES and sum(map(len, self.frames)) + size <= BYTES
        assert self.outbox.put(frame) is fits
        if fits:
            self.frames.append(frame)

    @rule(most=st.integers(0, 10))
    def take(self, most):
        taken, self.frames = self.frames[:most], self.frames[most:]
        assert self.outbox.take(most) == taken

    @rule()
    def clear(self):
        self.outbox.clear()
        self.frames = []

    @invariant()
    def it_is_bounded(self):
        assert len(self.outbox) == len(self.frames) <= MESSAGES
        assert self.outbox.bytes == sum(map(len, self.frames)) <= BYTES


class Kept(RuleBasedStateMachine):
    """A history against the list of all that ever was: what it has is a whole end of it, within the bounds."""

    def __init__(self):
        super().__init__()
        self.now, self.all = 0.0, []
        self.history = History(most_events=EVENTS, most_bytes=KEPT, most_seconds=SECONDS)

    @rule(size=st.sampled_from([10, 3000, KEPT]), seconds=st.floats(0, 20))
    def happen(self, size, seconds):
        self.now += seconds
        event = stream_event({"type": "x" * size})
        self.all.append((self.now, Entry(len(self.all) + 1, event.text, event.labels)))
        self.history.append(self.all[-1][1], self.now)

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds):
        self.now += seconds
        self.history.expire(self.now)

    @rule()
    def another_epoch(self):
        self.history.restart()
        self.all = []

    @invariant()
    def it_is_bounded(self):
        assert len(self.history) <= EVENTS
        assert self.history.bytes <= KEPT
        assert self.history.bytes == sum(self.history[seq].size for seq in self.kept())
        assert all(self.all[seq - 1][0] >= self.now - SECONDS for seq in self.kept())

    @invariant()
    def it_is_a_whole_end(self):
        assert self.history.head == len(self.all)
        for seq in self.kept():
            assert self.history[seq] is self.all[seq - 1][1]
        for seq in range(self.history.head + 2):
            assert self.history.follows(seq) is (self.history.first - 1 <= seq <= len(self.all))

    def kept(self):
        return range(self.history.first, self.history.head + 1)


TestWaiting = Waiting.TestCase
TestKept = Kept.TestCase
TestWaiting.settings = TestKept.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
