"""What clients own, and how much of it they may."""

from pathlib import Path

import pytest
from models.commands import ModelGateway

from aribridge.core.ownership import Ownership


@pytest.fixture
def gateway():
    gateway = ModelGateway(Path("unused"))
    gateway.hub.owners._table = Ownership(most_of_one=1)
    yield gateway
    gateway.close()


def arrive(gateway):
    """Have Asterisk answer everything that was sent."""
    while waiting := [flight for flight in gateway.link.flights if flight.waits]:
        for flight in waiting:
            gateway.do(lambda flight=flight: flight.future.set_result(gateway.asterisk.carry_out(flight.command)))


def make(gateway, client, ident, channel):
    """Ask for a channel to own; the status of the answer."""
    params = {"channelId": channel, "endpoint": "PJSIP/1"}
    own = {"on_loss": "hangup"}
    gateway.do(lambda: client.say(type="request", id=ident, op="channels.originate", params=params, own=own))
    arrive(gateway)
    return next(message["status"] for message in client.sent if message["id"] == ident)


def test_what_ended_untold_takes_no_room_for_long(gateway):
    client = gateway.connect("alice")
    assert make(gateway, client, 1, "a") == 200
    assert make(gateway, client, 2, "b") == 429
    assert make(gateway, client, 3, "b") == 429
    gateway.asterisk.end("a")
    assert make(gateway, client, 4, "b") == 429
    assert make(gateway, client, 5, "b") == 200


def own(gateway, client, ident, channel):
    params = {"channelId": channel, "endpoint": "PJSIP/1"}
    own = {"on_loss": "hangup", "grace_ms": 1000}
    gateway.do(lambda: client.say(type="request", id=ident, op="channels.originate", params=params, own=own))


def test_who_comes_back_while_what_it_owned_is_ended_keeps_what_is_left(gateway, monkeypatch):
    monkeypatch.setattr("aribridge.hub.owners._AT_ONCE", 1)
    gateway.hub.owners._table = Ownership()
    client = gateway.connect("alice")
    own(gateway, client, 1, "a")
    own(gateway, client, 2, "b")
    arrive(gateway)
    gateway.do(client.leave)
    gateway.pass_time(1.5)
    assert [flight.command.op for flight in gateway.link.flights if flight.waits] == ["channels.hangup"]
    again = gateway.connect("alice")
    gateway.do(lambda: again.say(type="hello", id=1, resume=client.connection.id))
    arrive(gateway)
    gateway.pass_time(10)
    arrive(gateway)
    assert len(gateway.asterisk.calls) == 1


def test_what_ended_before_its_makers_answer_came_is_owned_by_nobody(gateway):
    client = gateway.connect("alice")
    own(gateway, client, 1, "a")
    (flight,) = gateway.link.flights
    answer = gateway.asterisk.carry_out(flight.command)
    gateway.asterisk.end("a")
    for event in gateway.asterisk.events:
        gateway.tell(event)
    gateway.do(lambda: flight.future.set_result(answer))
    assert make(gateway, client, 2, "b") == 200
