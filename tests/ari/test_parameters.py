from typing import Any

import pytest

from aribridge.ari import Link
from aribridge.core.command import Command
from aribridge.protocol.problems import Problem

ENDPOINT = "Local/600@default"


def params_of(link: Link, op: str, **params: Any) -> dict[str, Any]:
    return dict(link.check(Command("pbx", op, params)).params)


def problem_of(link: Link, op: str, **params: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        link.check(Command("pbx", op, params))
    return caught.value


def test_a_missing_parameter_is_named(link22: Link) -> None:
    problem = problem_of(link22, "channels.play", channelId="c1")
    assert (problem.code, problem.status) == ("missing_parameter", 400)
    assert "channels.play needs media" in problem.detail


def test_null_is_left_out(link22: Link) -> None:
    assert problem_of(link22, "channels.play", channelId="c1", media=None).code == "missing_parameter"
    assert "lang" not in params_of(link22, "channels.play", channelId="c1", media="sound:beep", lang=None)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("endpiont", "did you mean endpoint?"), ("callerID", "did you mean callerId?"), ("zzz", "it has endpoint, ")],
)
def test_an_unknown_parameter_names_the_nearest(name: str, hint: str, link22: Link) -> None:
    problem = problem_of(link22, "channels.originate", endpoint=ENDPOINT, **{name: "x"})
    assert problem.code == "bad_parameter"
    assert name in problem.detail
    assert hint in problem.detail


@pytest.mark.parametrize(
    ("op", "params", "fault"),
    [
        ("channels.originate", {"endpoint": 600}, 'endpoint must be a string, such as "600"'),
        ("channels.originate", {"endpoint": True}, "endpoint must be a string"),
        ("channels.originate", {"endpoint": ENDPOINT, "timeout": "abc"}, "timeout must be an integer"),
        ("channels.originate", {"endpoint": ENDPOINT, "timeout": 1.5}, "timeout must be an integer"),
        ("channels.originate", {"endpoint": ENDPOINT, "timeout": True}, "timeout must be an integer"),
        ("channels.originate", {"endpoint": ENDPOINT, "timeout": "²"}, "timeout must be an integer"),
        ("channels.originate", {"endpoint": ENDPOINT, "timeout": 2**32 + 1}, "timeout must be from -2147483648 to"),
        ("channels.originate", {"endpoint": ENDPOINT, "timeout": "4294967297"}, "timeout must be from -2147483648 to"),
        ("channels.originate", {"endpoint": ENDPOINT, "timeout": -(10**400)}, "timeout must be from -2147483648 to"),
        ("channels.originate", {"endpoint": 10**400}, "endpoint must be a string"),
        ("channels.originate", {"endpoint": ENDPOINT, "variables": "A=1"}, "variables must be a JSON object"),
        ("channels.originate", {"endpoint": "a\0b"}, "endpoint holds a character"),
        ("channels.originate", {"endpoint": "\ud800"}, "endpoint holds a character"),
        ("channels.dial", {"channelId": "c", "timeout": -1}, "timeout must be 0 or more"),
        ("channels.mute", {"channelId": "c", "direction": "inn"}, "one of both, in, out; did you mean in?"),
        ("channels.hangup", {"channelId": ""}, "channelId cannot be an id"),
        ("channels.play", {"channelId": "c", "media": ["sound:a", 1]}, "media must be a string"),
        ("channels.play", {"channelId": "c", "media": {"a": 1}}, "media must be a string"),
        ("bridges.addChannel", {"bridgeId": "b", "channel": "c", "mute": "maybe"}, "mute must be true or false"),
        ("bridges.addChannel", {"bridgeId": "b", "channel": "c", "mute": 2}, "mute must be true or false"),
        ("asterisk.getInfo", {"only": "build,sistem"}, "did you mean system?"),
    ],
)
def test_a_wrong_value_is_refused(op: str, params: dict[str, Any], fault: str, link22: Link) -> None:
    problem = problem_of(link22, op, **params)
    assert problem.code == "bad_parameter"
    assert fault in problem.detail


def test_values_come_out_in_their_types(link22: Link) -> None:
    params = params_of(link22, "bridges.addChannel", bridgeId="b", channel=["c1", "c2"], mute="TRUE", absorbDTMF=False)
    assert params == {"bridgeId": "b", "channel": ["c1", "c2"], "mute": True, "absorbDTMF": False}
    assert params_of(link22, "channels.dial", channelId="c", timeout="30")["timeout"] == 30


def test_a_list_of_one_allowed_value_is_no_choice(link22: Link) -> None:
    params = params_of(link22, "channels.externalMedia", format="slin16", direction="in", external_host="h:1")
    assert params["direction"] == "in"


def test_checking_twice_changes_nothing(link22: Link) -> None:
    given = {"endpoint": ENDPOINT, "timeout": "30", "callerId": "7", "variables": {"A": "1"}}
    once = link22.check(Command("pbx", "channels.originate", given))
    assert link22.check(once) == once


def test_query_and_body_are_merged_and_the_body_wins(link22: Link) -> None:
    query = {"endpoint": "Local/1@default", "callerId": "7"}
    body = {"endpoint": ENDPOINT, "variables": {"A": "1"}}
    command = link22.resolve("POST", "/channels", query, body)
    assert command == Command(
        "pbx",
        "channels.originate",
        {"endpoint": ENDPOINT, "callerId": "7", "variables": {"A": "1"}, "app": "aribridge"},
    )


def test_an_id_of_the_path_cannot_be_changed_by_query_or_body(link22: Link) -> None:
    command = link22.resolve("DELETE", "/channels/c1", {"channelId": "c2"}, {"channelId": "c3"})
    assert command.params == {"channelId": "c1"}


@pytest.mark.parametrize("body", [[1], "x", 5, True])
def test_a_body_that_is_no_object_is_refused(body: Any, link22: Link) -> None:
    with pytest.raises(Problem, match="the body must be a JSON object"):
        link22.resolve("POST", "/channels", {"endpoint": ENDPOINT}, body)
