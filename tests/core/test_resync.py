"""Reading the state while it changes: however questions, answers and events interleave, the end is right."""

import itertools

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from models.pbx import HAPPENINGS, ModelPbx, happen

from aribridge.core.state.resync import Resync

happenings = st.sampled_from(HAPPENINGS)
readings = st.sampled_from(["ask", "look", "answer", "answer"])
steps = st.lists(
    st.tuples(st.one_of(happenings, readings, st.just("deliver")), st.integers(0, 5)), min_size=5, max_size=60
)


class Reading:
    """A resync of a model: answers show the moment of `look`, events and answers arrive when told."""

    def __init__(self, pbx, **more):
        self.pbx, self.resync = pbx, Resync([], **more)
        self.questions, self.answers = [], []
        self.reads = 0

    def step(self, step, number):
        getattr(self, step)(number)

    def ask(self, _):
        if read := self.resync.take():
            self.reads += 1
            self.questions.append(read)

    def look(self, number):
        if self.questions:
            read = self.questions.pop(number % len(self.questions))
            self.answers.append((read, *self.pbx.read(read)))

    def answer(self, number):
        if self.answers:
            self.resync.answer(*self.answers.pop(number % len(self.answers)), 0.0)

    def deliver(self, number):
        topics = sorted(self.pbx.topics)
        if topics:
            self.resync.event(self.pbx.deliver(topics[number % len(topics)]), 0.0)

    def finish(self):
        for _ in range(1000):
            if self.resync.done and not self.pbx.topics:
                return self.resync.state
            self.step("ask", 0), self.step("look", 0), self.step("answer", 0), self.step("deliver", 0)
        raise AssertionError("it does not come to an end")


@given(st.lists(st.tuples(happenings, st.integers(0, 5)), max_size=12), steps)
@hypothesis_settings(max_examples=400, deadline=None)
def test_the_state_is_right_in_the_end(before, steps):
    pbx = ModelPbx()
    for what, number in before:
        happen(pbx, what, number)
    pbx.topics.clear()
    reading = Reading(pbx)
    for step, number in steps:
        if hasattr(reading, step):
            reading.step(step, number)
        else:
            happen(pbx, step, number)
    state = reading.finish()
    assert state.values("channels") == pbx.objects["channels"]
    assert state.values("bridges") == pbx.objects["bridges"]


def test_what_changes_meanwhile_is_read_again_and_nothing_else():
    pbx = ModelPbx()
    for ident in "abc":
        pbx.create_channel(ident)
    pbx.topics.clear()
    reading = Reading(pbx)
    for step in ("ask", "ask", "ask", "look", "look", "look"):
        reading.step(step, 0)
    pbx.change_channel("b", state="Up")
    reading.step("deliver", 0)
    assert reading.finish().values("channels")["b"]["state"] == "Up"
    assert reading.reads == 4


def test_what_goes_meanwhile_is_gone_though_the_answer_shows_it():
    pbx = ModelPbx()
    pbx.create_channel("a")
    reading = Reading(pbx)
    for step in ("ask", "look"):
        reading.step(step, 0)
    pbx.destroy_channel("a")
    for step in ("deliver", "deliver", "answer"):
        reading.step(step, 0)
    assert reading.finish().ids("channels") == ()


def test_a_late_event_about_what_was_gone_before_leaves_nothing_behind():
    pbx = ModelPbx()
    pbx.create_channel("a")
    pbx.start_stasis("a")
    late = pbx.deliver(("stasis", "a"))
    pbx.destroy_channel("a")
    pbx.topics.clear()
    reading = Reading(pbx)
    reading.step("ask", 0)
    reading.resync.event(late, 0.0)
    assert reading.finish().ids("channels") == ()


def test_an_object_that_never_rests_does_not_keep_the_stream_closed():
    pbx = ModelPbx()
    pbx.create_channel("a")
    reading = Reading(pbx)
    for number in itertools.count():
        pbx.change_channel("a", state=f"state {number}")
        for step in ("ask", "look", "deliver", "deliver", "answer"):
            reading.step(step, 0)
        if reading.resync.done:
            break
        assert number < 50
    assert reading.finish().values("channels") == pbx.objects["channels"]


def test_what_ari_cannot_list_is_read_by_its_known_ids():
    resync = Resync([("playbacks", "p1"), ("recordings", "dir/r"), ("deviceStates", "Stasis:x")])
    reads = {}
    while read := resync.take():
        reads[read.op] = read
    assert reads["playbacks.get"].params == {"playbackId": "p1"}
    assert reads["recordings.getLive"].params == {"recordingName": "dir/r"}
    resync.answer(reads["playbacks.get"], 404, {"message": "Playback not found"}, 0.0)
    resync.answer(reads["recordings.getLive"], 200, {"name": "dir/r", "state": "paused"}, 0.0)
    resync.answer(reads["deviceStates.get"], 200, {"name": "Stasis:x", "state": "BUSY"}, 0.0)
    for op in ("channels.list", "bridges.list", "endpoints.list"):
        resync.answer(reads[op], 404, None, 0.0)
    assert resync.done
    assert resync.state.ids("playbacks") == ()
    assert resync.state.values("recordings") == {"dir/r": {"name": "dir/r", "state": "paused"}}
    assert resync.state.ids("deviceStates") == ("Stasis:x",)


def test_of_an_application_its_own_objects_are_read_alone():
    resync = Resync([], app="mine")
    first = resync.take()
    assert (first.op, first.params) == ("applications.get", {"applicationName": "mine"})
    assert resync.take() is None
    resync.event({"type": "StasisStart", "channel": {"id": "late"}}, 0.0)
    app = {"channel_ids": ["c"], "bridge_ids": ["b"], "endpoint_ids": ["PJSIP/200"], "device_names": []}
    resync.answer(first, 200, app, 0.0)
    reads = {}
    while read := resync.take():
        reads[read.op, read.id] = read
    assert set(reads) == {
        ("channels.get", "c"), ("channels.get", "late"), ("bridges.get", "b"), ("endpoints.get", "PJSIP/200"),
    }  # fmt: skip
    assert reads["endpoints.get", "PJSIP/200"].params == {"tech": "PJSIP", "resource": "200"}
    assert not resync.done


@pytest.mark.parametrize("body", [None, [{}], [{"id": 3}], [[], "x", None]])
def test_odd_answers_are_no_objects(body):
    resync = Resync([])
    while read := resync.take():
        resync.answer(read, 200, body or (), 0.0)
    assert resync.done
    assert list(resync.state.items()) == []
