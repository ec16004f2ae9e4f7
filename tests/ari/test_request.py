import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aribridge.ari import Catalogue, Link
from aribridge.ari.request import Request, render
from aribridge.core.command import Command
from aribridge.protocol.problems import Problem


@pytest.fixture
def rendered(link22: Link, catalogue22: Catalogue) -> Any:
    def render_command(op: str, **params: Any) -> Request:
        command = link22.check(Command("pbx", op, params))
        return render(catalogue22, catalogue22.get(op), command.params)

    return render_command


def test_parameters_go_where_the_description_has_them(rendered: Any) -> None:
    request = rendered(
        "channels.originateWithId", channelId="a/b", endpoint="Local/1@x", variables={"A": "1"}, timeout=5
    )
    path, _, query = request.target.partition("?")
    assert (request.method, path) == ("POST", "/channels/a%2Fb")
    assert parse_qs(query) == {"endpoint": ["Local/1@x"], "timeout": ["5"], "app": ["aribridge"]}
    assert json.loads(request.body) == {"variables": {"A": "1"}}


def test_no_parameters_no_query_no_body(rendered: Any) -> None:
    assert rendered("channels.answer", channelId="c1") == Request("POST", "/channels/c1/answer", None)


def test_text_is_encoded_so_that_asterisk_reads_it_as_it_was(rendered: Any) -> None:
    request = rendered("channels.setChannelVar", channelId="c", variable="A", value="a b+c&d=é/?#%")
    assert request.target == "/channels/c/variable?variable=A&value=a%20b%2Bc%26d%3D%C3%A9%2F%3F%23%25"


def test_lists_and_booleans_in_a_query(rendered: Any) -> None:
    request = rendered("bridges.addChannel", bridgeId="b", channel=["c1", "c2"], mute=True)
    assert request == Request("POST", "/bridges/b/addChannel?channel=c1%2Cc2&mute=true", None)


def test_a_list_whose_items_have_commas_goes_into_the_body(rendered: Any) -> None:
    request = rendered("channels.play", channelId="c", media=["tone:440,480", "sound:a"], lang="en")
    assert request.target == "/channels/c/play?lang=en"
    assert json.loads(request.body) == {"media": ["tone:440,480", "sound:a"]}


def test_long_parameters_go_into_the_body_in_their_types(rendered: Any) -> None:
    request = rendered("channels.setChannelVar", channelId="c", variable="A", value="é" * 1000, report_events="true")
    assert request.target == "/channels/c/variable"
    assert json.loads(request.body) == {"variable": "A", "value": "é" * 1000, "report_events": True}


def test_a_filter_is_the_body_itself(rendered: Any, link22: Link) -> None:
    value = {"allowed": [{"type": "StasisStart"}]}
    request = rendered("applications.filter", applicationName="other", filter=value)
    assert request.target == "/applications/other/eventFilter"
    assert json.loads(request.body) == value
    resolved = link22.resolve("PUT", "/applications/other/eventFilter", None, value)
    assert resolved.params == {"applicationName": "other", "filter": value}


def test_an_empty_filter_clears_and_none_sends_no_body(rendered: Any) -> None:
    assert rendered("applications.filter", applicationName="o", filter={}).body == b"{}"
    assert rendered("applications.filter", applicationName="o").body is None


def test_text_in_a_body_stays_one_item(rendered: Any, link22: Link, catalogue22: Catalogue) -> None:
    """As in ARI: only a query's text is split at commas."""
    command = link22.resolve("POST", "/channels/c/play", None, {"media": "tone:440,480"})
    request = render(catalogue22, catalogue22.get(command.op), command.params)
    assert json.loads(request.body or b"") == {"media": ["tone:440,480"]}
    assert rendered("channels.play", channelId="c", media="sound:a,sound:b").target.endswith(
        "?media=sound%3Aa%2Csound%3Ab"
    )


def test_a_bridge_made_with_variables_gets_an_id(rendered: Any) -> None:
    request = rendered("bridges.create", type="mixing", variables={"A": "1"})
    path, _, query = request.target.partition("?")
    assert query == "type=mixing"
    assert len(path.removeprefix("/bridges/")) == 36
    assert rendered("bridges.create", bridgeId="b1", variables={"A": "1"}).target == "/bridges/b1"
    assert rendered("bridges.create", bridgeId="b1").target == "/bridges?bridgeId=b1"
    with pytest.raises(Problem, match="bridgeId cannot be an id"):
        rendered("bridges.create", bridgeId="..", variables={})


def test_a_body_without_a_json_form_is_refused(rendered: Any) -> None:
    with pytest.raises(Problem, match="cannot be written as JSON") as caught:
        rendered("channels.originate", endpoint="Local/1@x", variables={"A": "\ud800"})
    assert caught.value.code == "bad_parameter"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
def test_any_parameters_are_refused_or_make_a_request_that_asterisk_can_read(
    data: st.DataObject, link22: Link, catalogue22: Catalogue
) -> None:
    operation = data.draw(st.sampled_from(list(catalogue22)), label="operation")
    names = st.sampled_from([*operation.parameters, "other"])
    likely = st.text(min_size=1, max_size=9) | json_values
    params = data.draw(st.dictionaries(names, likely), label="parameters")
    for parameter in operation.parameters.values():
        if parameter.required:
            params.setdefault(parameter.name, data.draw(likely, label=parameter.name))
    try:
        command = link22.check(Command("pbx", operation.id, params))
        request = render(catalogue22, operation, command.params)
    except Problem:
        return
    assert link22.check(command) == command
    assert request.target.isascii()
    assert request.target.isprintable()
    assert " " not in request.target
    assert request.body is None or json.loads(request.body) is not None
