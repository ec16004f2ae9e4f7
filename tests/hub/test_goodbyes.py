"""The last word to a client: said once, and fit for a carrier that takes little in a message."""

import asyncio
from pathlib import Path

import pytest
from models.commands import ModelClient, ModelGateway

from aribridge.obs.metrics import REGISTRY


@pytest.fixture
def gateway():
    gateway = ModelGateway(Path("unused"))
    yield gateway
    gateway.close()


def narrow(gateway, monkeypatch, sub):
    """A client whose carrier takes as little in a message as any may."""
    monkeypatch.setattr(ModelClient, "max_send", 1000)
    return gateway.connect(sub)


def counted(slug):
    return REGISTRY.get_sample_value("aribridge_goodbyes_total", {"code": slug}) or 0


def test_who_was_said_goodbye_is_counted_once(gateway):
    client, before = gateway.connect("alice"), counted("unauthorized")
    gateway.do(lambda: [gateway.hub.expel(lambda _: True) for _ in range(2)])
    assert [message["slug"] for message in client.sent] == ["unauthorized"]
    assert counted("unauthorized") == before + 1


def test_a_welcome_that_does_not_fit_is_a_goodbye_that_says_so(gateway, monkeypatch):
    client = narrow(gateway, monkeypatch, "a" * 1000)
    gateway.do(lambda: client.say(type="hello", id=1))
    (goodbye,) = client.sent
    assert (goodbye["type"], goodbye["slug"], goodbye["reconnect"]) == ("goodbye", "bad_carrier", "never")
    assert "1000" in goodbye["detail"]


@pytest.mark.parametrize("fault", ["\x01", "\N{GRINNING FACE}", "a"])
def test_an_error_is_cut_to_what_fits(gateway, monkeypatch, fault):
    client = narrow(gateway, monkeypatch, "alice")
    gateway.do(lambda: client.say(type="request", id="\x01" * 64, **{fault * 2000: 1}))
    (reply,) = client.sent
    assert (reply["id"], reply["error"]["code"]) == ("\x01" * 64, "bad_message")
    assert "unknown field" in reply["error"]["detail"]


def test_a_goodbye_is_cut_to_what_fits(gateway, monkeypatch):
    client = narrow(gateway, monkeypatch, "alice")
    gateway.do(lambda: client.say(**{"type": "message", "a" * 2000: 1}))
    (goodbye,) = client.sent
    assert (goodbye["slug"], goodbye["reconnect"]) == ("bad_frame", "never")
    assert "unknown field" in goodbye["detail"]


def test_an_answer_in_asterisks_own_form_that_does_not_fit_is_a_goodbye(gateway, monkeypatch):
    client = narrow(gateway, monkeypatch, "alice")
    gateway.do(lambda: client.say(type="RESTRequest", request_id="r" * 1000, method="GET", uri="nothing"))
    assert [message["type"] for message in client.sent] == ["goodbye"]


def test_goodbyes_of_a_stop_go_out_in_turns(gateway):
    clients = [gateway.connect(f"client-{number}") for number in range(200)]
    gone = []

    async def drain():
        draining = asyncio.create_task(gateway.hub.drain(0))
        while not draining.done():
            await asyncio.sleep(0)
            gone.append(sum(bool(client.sent) for client in clients))

    gateway.loop.run_until_complete(drain())
    assert {message["slug"] for client in clients for message in client.sent} == {"draining"}
    assert [len(client.sent) for client in clients] == [1] * 200
    # The first have it before the last are told.
    assert [number for number in gone if 0 < number < 200]
