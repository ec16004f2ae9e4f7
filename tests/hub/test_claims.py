"""Whose the things are that clients make."""

from pathlib import Path

import pytest
from models.commands import ModelClient, ModelGateway

from aribridge.core.policy.scope import Owner
from aribridge.core.principal import Principal

ANN = Principal("ann", roles=("agent",), ops=("*",))


@pytest.fixture
def gateway():
    gateway = ModelGateway(Path("unused"))
    yield gateway
    gateway.close()


def test_what_is_asked_for_twice_is_its_makers_though_asterisk_refuses_the_second(gateway):
    client = gateway.do(lambda: ModelClient(gateway.hub, ANN))
    for ident in (1, 2):
        params = {"channelId": "c", "endpoint": "PJSIP/1"}
        gateway.do(
            lambda ident=ident, params=params: client.say(
                type="request", id=ident, op="channels.originate", params=params
            )
        )
    for flight in gateway.link.flights:
        gateway.do(lambda flight=flight: flight.future.set_result(gateway.asterisk.carry_out(flight.command)))
    assert [message["status"] for message in client.sent] == [200, 409]
    [created] = gateway.asterisk.events
    gateway.stream.scopes.note(created)
    assert gateway.stream.scopes.of("channels", "c").owners == {Owner(None, "ann")}
