"""A client that is back is known as soon as it speaks."""

from pathlib import Path

from models.commands import ModelClient, ModelGateway

from aribridge.core.principal import Principal


def test_a_hello_that_comes_with_the_carrier_resumes():
    gateway = ModelGateway(Path("unused"))
    first = gateway.connect("alice")

    def come_back():
        client = ModelClient(gateway.hub, Principal("alice", ops=("*",)))
        client.say(type="hello", id=1, resume=first.connection.id)
        return client

    try:
        client = gateway.do(come_back)
        assert [(message["type"], message["resumed"]) for message in client.sent] == [("welcome", True)]
    finally:
        gateway.close()
