"""What one client may have of the gateway, where only the gateway's clock or a carrier's faults show it."""

from pathlib import Path

import pytest
from models.commands import ModelClient, ModelGateway

ORIGINATE = {"type": "request", "op": "channels.originate", "params": {"endpoint": "PJSIP/1"}}


@pytest.fixture
def gateway(request):
    gateway = ModelGateway(Path("unused"), **getattr(request, "param", {}))
    yield gateway
    gateway.close()


def limited(**limits):
    return pytest.mark.parametrize("gateway", [limits], indirect=True, ids=str)


@limited(connections=2)
def test_more_connections_than_the_limit_are_sent_away(gateway):
    first, second, third = (gateway.connect("alice") for _ in range(3))
    assert (first.sent, second.sent) == ([], [])
    assert [message["slug"] for message in third.sent] == ["too_many_connections"]
    gateway.do(first.leave)
    assert gateway.connect("alice").sent == []


@pytest.mark.parametrize("fault", ["ordered", "reliable"])
def test_a_carrier_that_may_lose_or_swap_messages_is_refused(gateway, monkeypatch, fault):
    monkeypatch.setattr(ModelClient, fault, False)
    client = gateway.connect("alice")
    assert [message["slug"] for message in client.sent] == ["bad_carrier"]
    assert not client.open


@limited(hello_seconds=10.0)
def test_pongs_are_no_hello(gateway):
    stranger = gateway.connect(None)
    for _ in range(3):
        gateway.pass_time(4.0)
        gateway.do(lambda: stranger.open and stranger.say(type="pong"))
    gateway.pass_time(1.0)
    assert [message["slug"] for message in stranger.sent] == ["hello_timeout"]


@limited(pong_seconds=10.0, ping_seconds=20.0)
def test_who_answers_no_ping_is_sent_away(gateway):
    mute, alive = gateway.connect("alice"), gateway.connect("bob")
    for client in (mute, alive):
        gateway.do(lambda client=client: client.say(type="hello", id=1))
    gateway.pass_time(20.5)
    gateway.do(lambda: alive.say(type="pong"))
    gateway.pass_time(10.5)
    gateway.pass_time(1.0)
    assert [message.get("slug", message["type"]) for message in mute.sent] == ["welcome", "ping", "ping_timeout"]
    assert [message["type"] for message in alive.sent] == ["welcome", "ping"]


@limited(rate=1e-6, burst=12)
def test_subscribing_has_its_price_even_in_vain(gateway):
    client = gateway.connect("alice")
    for number in range(3):
        gateway.do(lambda number=number: client.say(type="subscribe", id=number, sub=1, target="nowhere"))
    codes = [message["error"]["code"] for message in client.sent]
    assert codes == ["unknown_target", "unknown_target", "too_many_requests"]


@limited(request_seconds=7.0)
def test_no_command_is_waited_for_longer_than_the_limit(gateway, monkeypatch):
    client, waits, call = gateway.connect("alice"), [], gateway.link.call

    async def noted(command, seconds=None, who=None):
        waits.append(seconds)
        return await call(command, seconds, who)

    monkeypatch.setattr(gateway.link, "call", noted)
    for number, wish in enumerate((2000, 10**9)):
        gateway.do(lambda number=number, wish=wish: client.say(**ORIGINATE, id=number, timeout_ms=wish))
    assert waits == [2.0, 7.0]


def test_nothing_is_done_after_the_goodbye(gateway):
    client = gateway.connect("alice")
    gateway.do(lambda: (client.connection.goodbye("draining", "away"), client.say(**ORIGINATE, id=1)))
    assert gateway.link.flights == []
    assert [message["type"] for message in client.sent] == ["goodbye"]


@pytest.mark.parametrize("more", [{"own": {"on_loss": "hangup"}}, {"flow": True}], ids=str)
def test_a_key_is_for_one_fate_of_what_it_makes(gateway, more):
    """A call that ends with its client is another one than a call that stays."""
    client = gateway.connect("alice")
    gateway.do(lambda: client.say(**ORIGINATE, id=1, key="k"))
    gateway.do(lambda: client.say(**ORIGINATE, id=2, key="k", **more))
    assert [(message["id"], message["error"]["code"]) for message in client.sent] == [(2, "key_reused")]
    assert len(gateway.link.flights) == 1
