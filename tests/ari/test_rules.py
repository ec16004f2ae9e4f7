from typing import Any

import pytest

from aribridge.ari import Link
from aribridge.core.command import Command
from aribridge.protocol.problems import Problem


@pytest.mark.parametrize(
    ("op", "params"),
    [
        ("channels.originate", {"endpoint": "Local/600@default"}),
        ("channels.originate", {"endpoint": "Local/600@default", "extension": "", "app": ""}),
        ("channels.originateWithId", {"endpoint": "Local/600@default", "channelId": "c"}),
        ("channels.create", {"endpoint": "Local/600@default"}),
        ("channels.externalMedia", {"external_host": "h:1", "format": "slin16"}),
        ("channels.snoopChannel", {"channelId": "c", "spy": "both"}),
        ("channels.snoopChannelWithId", {"channelId": "c", "snoopId": "s", "spy": "both"}),
    ],
)
def test_the_own_application_is_filled_in(op: str, params: dict[str, Any], link22: Link, link16: Link) -> None:
    for link in (link22, link16):
        assert link.check(Command("pbx", op, params)).params["app"] == "aribridge"
        assert link.check(Command("pbx", op, {**params, "app": "other"})).params["app"] == "other"


def test_an_originate_into_the_dialplan_gets_no_application(link22: Link) -> None:
    params = {"endpoint": "Local/600@default", "extension": "601", "context": "default"}
    assert link22.check(Command("pbx", "channels.originate", params)).params == params


@pytest.mark.parametrize(
    ("op", "params"),
    [
        ("applications.filter", {"filter": {}}),
        ("applications.subscribe", {"eventSource": "channel:"}),
        ("applications.unsubscribe", {"eventSource": "channel:"}),
    ],
)
def test_the_own_application_is_not_the_clients(op: str, params: dict[str, Any], link22: Link) -> None:
    with pytest.raises(Problem) as caught:
        link22.check(Command("pbx", op, {"applicationName": "aribridge", **params}))
    assert (caught.value.code, caught.value.status) == ("gateway_owns_app", 403)
    link22.check(Command("pbx", op, {"applicationName": "other", **params}))


def test_the_own_application_is_not_reached_by_an_encoded_name(link22: Link) -> None:
    with pytest.raises(Problem) as caught:
        link22.resolve("DELETE", "/applications/%61ribridge/subscription", {"eventSource": "channel:"}, None)
    assert caught.value.code == "gateway_owns_app"


def test_the_event_socket_is_the_gateways(link22: Link) -> None:
    with pytest.raises(Problem) as caught:
        link22.resolve("GET", "/events", {"app": "x"}, None)
    assert (caught.value.code, caught.value.status) == ("use_subscribe", 501)


def test_a_file_has_its_own_door(link22: Link) -> None:
    with pytest.raises(Problem, match=r"/v1/recordings/<target>/<name>") as caught:
        link22.resolve("GET", "/recordings/stored/x/file", None, None)
    assert (caught.value.code, caught.value.status) == ("binary_body", 406)
