"""Whatever happens to calls, links and clients: every event or a gap, in order, once; and the state as it is.

One machine with all parts that keep this promise, but for the carriers: a model of an Asterisk whose events keep order
within one object only, the link lost and made again in any moment, the call state read while it changes, scripts that
drop events, and clients that filter, read slowly, leave in the middle of anything and come back.
"""

import json
import os
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from models.pbx import HAPPENINGS, ModelPbx, happen
from models.streams import StreamClient, stream_event

from aribridge.core.events import labels_of
from aribridge.core.filters import Filter
from aribridge.core.settings import StreamSettings
from aribridge.core.state.kinds import KINDS
from aribridge.core.state.resync import Resync
from aribridge.stream import Stream

STEPS = int(os.environ.get("STREAM_STEPS", "50"))
EXAMPLES = int(os.environ.get("STREAM_EXAMPLES", "400"))

FILTERS = [
    {},
    {"type": ["Channel*"]},
    {"type": ["StasisStart", "Bridge*"]},
    {"type": ["ChannelCreated", "ChannelDestroyed"]},
    {"type": ["ChannelStateChange"], "channel": ["c1", "c2", "c3"]},
    {"channel": []},
    {"channel": ["c1", "c2"]},
    {"bridge": ["*"]},
    {"channel": ["c*"], "bridge": ["b*"]},
]
OBJECT_FILTERS = [one for one in FILTERS if "type" not in one]
READINGS = ("ask", "look", "answer")
ROOMS = st.sampled_from([1, 3, 10**9])
number = st.integers(0, 5)
seeds = st.integers(0, 2**32)


class Streams(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.pbx = ModelPbx()
        self.stream = Stream("pbx", StreamSettings(history_events=30, history_seconds=100.0), lambda: self.now)
        self.resync, self.buffer, self.known = None, [], 0
        self.questions, self.answers = [], []
        self.epochs, self.published = [], []
        self.note_epoch()
        self.clients = []
        self.linked, self.rolls = False, 0

    def roll(self, seed):
        """Dice that fall anew in each step: the seeds that hypothesis likes best are few."""
        self.rolls += 1
        return Random(f"{seed} {self.rolls}")

    def note_epoch(self):
        self.epochs.append(self.stream.position["epoch"])

    @initialize()
    def the_link_comes_up(self):
        self.the_link_is_made()
        self.read_all()

    # --- calls, events and the link

    @rule(seed=seeds, reading=st.sampled_from([0.0, 0.1, 0.5]))
    def calls_go_on(self, seed, reading):
        """Clients that read meanwhile are told of most of it; who reads only now and then gets gaps and snapshots."""
        rng = self.roll(seed)
        for _ in range(rng.choice([3, 10, 30, 100])):
            step = rng.choice(HAPPENINGS) if rng.random() < 0.5 else "deliver"
            self.call_step(step, rng.randrange(100), dropped=rng.random() < 0.1)
            if rng.random() < reading:
                self.a_client_reads(rng.randrange(5), rng.randrange(10))

    @precondition(lambda self: self.stream.is_open)
    @rule(seed=seeds)
    def all_is_quiet(self, seed):
        self.drain(self.roll(seed))
        self.check_state()

    def drain(self, rng):
        while self.pbx.topics:
            self.arrive(self.pbx.deliver(rng.choice(sorted(self.pbx.topics))))

    def call_step(self, step, number, *, dropped=False):
        if step != "deliver":
            happen(self.pbx, step, number)
        elif self.pbx.topics:
            topics = sorted(self.pbx.topics)
            self.arrive(self.pbx.deliver(topics[number % len(topics)]), dropped=dropped)

    def arrive(self, event, *, dropped=False):
        if self.stream.is_open:
            self.append(event, self.stream.state.apply(event, self.now), dropped=dropped)
        elif self.linked:
            self.buffer.append(event)

    def append(self, event, changes=(), *, dropped=False):
        if dropped and not changes:
            return
        self.stream.append(None if dropped else stream_event(event), changes)
        if not dropped:
            position = self.stream.position
            self.published.append((position["epoch"], position["seq"], json.loads(json.dumps(event))))

    @precondition(lambda self: self.linked)
    @rule()
    def the_link_is_lost(self):
        self.linked = False
        self.resync, self.buffer, self.known, self.questions, self.answers = None, [], 0, [], []
        self.pbx.topics.clear()
        if self.stream.is_open:
            self.stream.lost()
            self.note_epoch()

    @precondition(lambda self: not self.linked)
    @rule()
    def the_link_is_made(self):
        self.linked = True
        self.pbx.topics.clear()
        old = self.stream.state
        known = [(kind, ident) for kind in ("playbacks", "recordings") for ident in old.ids(kind)]
        self.resync = Resync(known)

    @precondition(lambda self: self.resync is not None)
    @rule(seed=seeds)
    def the_state_is_read_further(self, seed):
        """Asterisk looks at any moment between question and answer."""
        rng = self.roll(seed)
        for _ in range(rng.randrange(60)):
            step = rng.choice([*READINGS, "deliver", rng.choice(HAPPENINGS)])
            if step in READINGS:
                self.read_step(step, rng.randrange(100))
            else:
                self.call_step(step, rng.randrange(100))
        if self.resync.done:
            self.open()

    @precondition(lambda self: not self.stream.is_open)
    @rule()
    def the_link_is_whole_again(self):
        if not self.linked:
            self.the_link_is_made()
        self.read_all()

    def read_all(self):
        while not self.resync.done:
            for step in READINGS:
                self.read_step(step, 0)
        self.open()

    def read_step(self, step, number):
        if step == "ask" and (read := self.resync.take()):
            self.questions.append(read)
        elif step == "look" and self.questions:
            read = self.questions.pop(number % len(self.questions))
            self.answers.append((read, *self.pbx.read(read)))
        elif step == "answer" and self.answers:
            self.hear(number)

    def hear(self, number):
        for event in self.buffer[self.known :]:
            self.resync.event(event, self.now)
        self.known = len(self.buffer)
        self.resync.answer(*self.answers.pop(number % len(self.answers)), self.now)

    def open(self):
        self.stream.open(self.resync.state)
        self.note_epoch()
        buffer, known = self.buffer, self.known
        self.resync, self.buffer, self.known = None, [], 0
        for event in buffer[:known]:
            self.append(event)
        for event in buffer[known:]:
            self.arrive(event)

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds):
        self.now += seconds

    # --- clients

    @precondition(lambda self: len(self.clients) < 5)
    @rule(filter=st.sampled_from(FILTERS), room=ROOMS)
    def a_client_subscribes_to_events(self, filter, room):
        client = StreamClient(self.stream, most_frames=room, filter=filter)
        client.since = dict(client.position)
        self.clients.append(client)

    @precondition(lambda self: len(self.clients) < 5)
    @rule(filter=st.sampled_from(OBJECT_FILTERS), room=ROOMS, frame=st.sampled_from([600, 65536]))
    def a_client_subscribes_to_the_state(self, filter, room, frame):
        self.clients.append(StreamClient(self.stream, mode="state", most_frames=room, frame=frame, filter=filter))

    @rule(number=number, most=st.integers(0, 30))
    def a_client_reads(self, number, most):
        if self.clients:
            client = self.clients[number % len(self.clients)]
            client.read(most)
            if client.sink.given_up:
                client.resume()

    @rule(number=number)
    def a_client_is_pinged(self, number):
        if self.clients:
            self.clients[number % len(self.clients)].ping()

    @rule(number=number)
    def a_client_leaves(self, number):
        if self.clients:
            self.clients[number % len(self.clients)].disconnect()

    @rule(number=number, most=st.integers(0, 30))
    def a_client_comes_back(self, number, most):
        if self.clients:
            client = self.clients[number % len(self.clients)]
            client.read(most)
            client.resume()
            client.read(most)

    # --- what must hold

    @invariant()
    def nothing_piles_up(self):
        for client in self.clients:
            assert len(client.sink.frames) <= client.sink.most
        assert len(self.stream._log.history) <= 30

    def teardown(self):
        if not self.linked:
            self.the_link_is_made()
        if not self.stream.is_open:
            self.read_all()
        self.drain(Random(len(self.published)))
        self.check_state()
        for client in self.clients:
            self.catch_up(client)
            if client.mode == "state":
                self.check_client_state(client)
            else:
                self.check_events(client)

    def catch_up(self, client):
        for _ in range(1000):
            if client.view is None or client.sink.given_up:
                client.resume()
            client.read()
            if not (client.sink.given_up or client.view.behind or client.sink.frames):
                return
        raise AssertionError("never caught up")

    def check_state(self):
        state = self.stream.state
        for kind in ("channels", "bridges"):
            assert state.values(kind) == self.pbx.objects[kind]
        for kind in ("endpoints", "playbacks", "recordings"):
            assert state.values(kind).items() <= self.pbx.objects[kind].items()

    def check_client_state(self, client):
        selects = Filter(client.wish["filter"], objects=True).selects
        for kind in KINDS:
            objects = self.stream.state.values(kind)
            field = KINDS[kind].field
            assert client.state[kind] == {i: v for i, v in objects.items() if selects(labels_of({field: v}))}

    def check_events(self, client):
        passes = Filter(client.wish["filter"]).passes
        start = self.rank(client.since)
        wanted = [(epoch, seq, event) for epoch, seq, event in self.published if passes(labels_of(event))]
        expected = [one for one in wanted if self.rank_of(one) > start and not self.in_hole(client, one)]
        assert [self.rank_of(one) for one in client.got] == [self.rank_of(one) for one in expected]
        assert [event for _, _, event in client.got] == [event for _, _, event in expected]

    def in_hole(self, client, one):
        return any(self.rank(was) < self.rank_of(one) <= self.rank(now) for was, now in client.holes)

    def rank(self, position):
        return self.epochs.index(position["epoch"]), position["seq"]

    def rank_of(self, one):
        return self.epochs.index(one[0]), one[1]


TestStreams = Streams.TestCase
TestStreams.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
