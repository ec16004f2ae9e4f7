"""Whatever becomes of commands, answers, events, links and Asterisk: a key has nothing done twice, replies are true."""

import os
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from models.commands import INSTANCE, ModelGateway

from aribridge.core.command import Answer
from aribridge.core.idempotency import SECONDS, Key
from aribridge.protocol.problems import Problem

STEPS = int(os.environ.get("KEY_STEPS", "50"))
EXAMPLES = int(os.environ.get("KEY_EXAMPLES", "200"))

KEYS = ("k", "given")
SUBS = ("alice", "bob")
ORIGINATE = "channels.originate"
PATIENCE = 5.0
"""Seconds after which a link gives up what has no answer."""
number = st.integers(0, 5)


def channel_of(sub, key):
    """The id of the call that a key makes: the gateway's choice, or the client's."""
    if key == "given":
        return f"chosen-by-{sub}"
    return INSTANCE.name(*Key(sub, None, "pbx", ORIGINATE, key).words)


class Asked:
    """A request as the test knows it."""

    def __init__(self, sub, key, content, client):
        self.sub, self.key, self.content, self.client = sub, key, content, client
        self.channel = channel_of(sub, key)
        self.replies = []


class Keys(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.gateway = ModelGateway(Path(os.devnull))
        self.asterisk, self.link = self.gateway.asterisk, self.gateway.link
        self.asked = []
        self.latest, self.seen = {}, 0
        self.clients = {sub: self.gateway.connect(sub) for sub in SUBS}

    # --- clients

    @rule(sub=st.sampled_from(SUBS), key=st.sampled_from(KEYS), content=st.sampled_from("aab"))
    def a_client_asks(self, sub, key, content):
        self.ask(sub, key, content)

    @precondition(lambda self: self.asked)
    @rule(number=number)
    def a_client_asks_again(self, number):
        before = self.asked[-1 - number % len(self.asked)]
        self.ask(before.sub, before.key, before.content)

    def ask(self, sub, key, content):
        client, channel = self.clients[sub], channel_of(sub, key)
        params = {"endpoint": "PJSIP/200", "appArgs": content} | ({"channelId": channel} if key == "given" else {})
        request = {"type": "request", "id": len(self.asked), "op": ORIGINATE, "params": params, "key": key}
        self.asked.append(Asked(sub, key, content, client))
        self.gateway.do(lambda: client.say(**request, timeout_ms=int(1000 * PATIENCE)))

    @rule(sub=st.sampled_from(SUBS))
    def a_client_comes_back(self, sub):
        self.hear()
        self.gateway.do(self.clients[sub].leave)
        self.clients[sub] = self.gateway.connect(sub)

    # --- commands on their way

    def flights(self, *, waiting=True):
        return [one for one in self.link.flights if one.run == self.asterisk.run and (one.waits or not waiting)]

    def flight(self, number, which):
        found = [one for one in self.flights(waiting=False) if which(one)]
        return found[number % len(found)] if found else None

    @rule(number=number)
    def a_command_arrives(self, number):
        """Even one that the gateway has given up."""
        flight = self.flight(number, lambda one: one.arrived is None and (one.waits or one.lost))
        if flight:
            flight.arrived = self.asterisk.carry_out(flight.command)

    @rule(number=number)
    def an_answer_arrives(self, number):
        flight = self.flight(number, lambda one: one.waits and one.arrived)
        if flight:
            self.answer(flight)

    @rule()
    def all_is_lost(self):
        for flight in self.flights():
            self.lose(flight)

    @rule()
    def all_is_answered(self):
        while waiting := self.flights():
            for flight in waiting:
                flight.arrived = flight.arrived or self.asterisk.carry_out(flight.command)
                self.answer(flight)

    @rule(number=number)
    def an_answer_is_lost(self, number):
        flight = self.flight(number, lambda one: one.waits)
        if flight:
            self.lose(flight)

    def lose(self, flight):
        flight.lost, flight.ended = True, self.gateway.now
        problem = Problem("timeout", "no answer", outcome="unknown")
        self.gateway.do(lambda: flight.future.set_exception(problem))

    @rule(number=number)
    def a_command_is_never_sent(self, number):
        flight = self.flight(number, lambda one: one.waits and one.arrived is None)
        if flight:
            flight.ended = self.gateway.now
            problem = Problem("target_down", "no link", after_ms=1000)
            self.gateway.do(lambda: flight.future.set_exception(problem))

    @rule(number=number)
    def asterisk_refuses(self, number):
        flight = self.flight(number, lambda one: one.waits and one.arrived is None)
        if flight:
            flight.arrived = Answer(500, b'{"message":"Allocation failed"}')
            self.answer(flight)

    def answer(self, flight):
        flight.ended = self.gateway.now
        if flight.command.op != ORIGINATE and flight.arrived.status == 200:
            self.prove(flight.command.params["channelId"])
        self.gateway.do(lambda: flight.future.set_result(flight.arrived))

    # --- calls, events, link

    @precondition(lambda self: self.asterisk.calls)
    @rule(number=number)
    def a_call_ends(self, number):
        calls = sorted(self.asterisk.calls)
        self.asterisk.end(calls[number % len(calls)])

    @precondition(lambda self: self.link.up)
    @rule(sub=st.sampled_from(SUBS), key=st.sampled_from(KEYS))
    def there_is_a_call_already(self, sub, key):
        """Made by an earlier run of the gateway, or by another client under the id that this one will choose."""
        channel = channel_of(sub, key)
        if channel not in self.asterisk.calls and self.is_over(channel):
            self.asterisk.make(channel)
            self.tell_all()

    @precondition(lambda self: self.asterisk.events and self.link.up)
    @rule()
    def an_event_is_told(self):
        self.tell()

    def tell(self):
        event = self.asterisk.events.pop(0)
        if event["type"] == "ChannelCreated":
            self.prove(event["channel"]["id"])
        self.gateway.tell(event)

    def tell_all(self):
        while self.asterisk.events:
            self.tell()

    def prove(self, channel):
        if channel in self.latest:
            self.latest[channel].proven = True

    @precondition(lambda self: self.link.up)
    @rule()
    def the_link_is_lost(self):
        self.link.up = False
        self.asterisk.events.clear()
        for flight in self.flights():
            self.lose(flight)

    @precondition(lambda self: not self.link.up)
    @rule()
    def the_link_is_back(self):
        self.come_back()

    def come_back(self):
        self.asterisk.events.clear()
        self.gateway.read_state()
        self.link.up = True

    @rule()
    def asterisk_crashes(self):
        for flight in self.flights():
            self.lose(flight)
        self.asterisk.crash()
        self.gateway.read_state()

    @rule(seconds=st.sampled_from([1.0, 10.0, SECONDS / 2]))
    def time_passes(self, seconds):
        if self.link.up:
            self.tell_all()
        if seconds > PATIENCE:
            self.all_is_lost()
        self.gateway.pass_time(seconds)

    # --- what must hold

    @invariant()
    def no_key_has_two_calls_made(self):
        """A new originate goes out only if the one before it did nothing, or its key was forgotten."""
        for flight in self.link.flights[self.seen :]:
            if flight.command.op == ORIGINATE:
                channel = flight.command.params["channelId"]
                assert self.is_over(channel), channel
                self.latest[channel] = flight
        self.seen = len(self.link.flights)

    def is_over(self, channel):
        before = self.latest.get(channel)
        if before is None:
            return True
        if before.waits:
            return False
        forgotten = self.gateway.now >= before.ended + SECONDS
        return forgotten or not (before.lost or before.did or self.is_duplicate(channel))

    def is_duplicate(self, channel):
        """The gateway's own id is taken: the key was used in an earlier run. A client's own says nothing."""
        arrived = self.latest[channel].arrived
        return channel.startswith(INSTANCE.prefix) and arrived is not None and arrived.status == 409

    @invariant()
    def hear(self):
        """Replies are true when they come."""
        self.no_key_has_two_calls_made()
        for client in self.gateway.clients:
            for reply in client.sent:
                self.check(self.asked[reply["id"]], reply)
            client.sent.clear()

    def check(self, asked, reply):
        asked.replies.append(reply)
        error = reply.get("error", {})
        latest = self.latest.get(asked.channel)
        is_chosen = asked.channel.startswith(INSTANCE.prefix)
        match error.get("outcome", "applied"):
            case "applied":
                assert reply["body"]["id"] == asked.channel
                assert latest.command.params["appArgs"] == asked.content
                assert asked.channel in self.asterisk.made if is_chosen else latest.did
            case "unknown":
                assert latest.command.params["appArgs"] == asked.content
                assert self.may_be_unknown(asked.channel)
            case "not_applied" if error["code"] == "key_reused":
                assert any(other.channel == asked.channel and other.content != asked.content for other in self.asked)
            case "not_applied":
                assert self.is_over(asked.channel) or (latest.arrived.status == 409 and not is_chosen)

    def may_be_unknown(self, channel):
        latest = self.latest[channel]
        waits = any(one.waits and one.command.params["channelId"] == channel for one in self.link.flights)
        return waits or self.is_duplicate(channel) or (latest.lost and not latest.proven)

    def teardown(self):
        try:
            self.all_ends_well()
        finally:
            self.gateway.close()

    def all_ends_well(self):
        if not self.link.up:
            self.come_back()
        self.all_is_answered()
        self.hear()
        for asked in self.asked:
            assert len(asked.replies) == 1 or (not asked.replies and not asked.client.open)


TestKeys = Keys.TestCase
TestKeys.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)


def test_an_event_proves_what_a_lost_reading_cannot():
    """It comes while the gateway asks Asterisk whether the call is there, and that answer is lost."""
    keys = Keys()
    keys.a_client_asks(sub="alice", key="k", content="a")
    keys.all_is_lost()
    keys.hear()
    keys.a_client_asks_again(0)
    keys.a_command_arrives(0)
    keys.time_passes(1.0)
    keys.all_is_lost()
    assert keys.clients["alice"].sent[-1]["status"] == 200
    keys.teardown()
