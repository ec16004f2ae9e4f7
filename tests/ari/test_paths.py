from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aribridge.ari import Catalogue, Link, paths
from aribridge.ari.request import render
from aribridge.core.command import Command
from aribridge.protocol.problems import Problem


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//channels",
        "/channels//x",
        "/channels/",
        "/channels/./x",
        "/channels/../asterisk/info",
        "/channels/%2e%2e/asterisk/info",
        "/channels/%2E",
        "/channels/1724%2e7",
        "/channels?app=x",
        "/channels#x",
        "/channels/a\r\nX: y",
        "/channels/a%0d%0aX",
        "/channels/%00",
        "/channels/a\x7fb",
        "/channels\\x",
        "/channels/%",
        "/channels/%zz",
        "/channels/%ff",
        "/channels/\ud800",
        "/ari/channels",
    ],
)
def test_what_no_ari_path_has_is_refused(path: str, link22: Link) -> None:
    with pytest.raises(Problem) as caught:
        link22.resolve("GET", path, None, None)
    assert (caught.value.code, caught.value.status) == ("bad_path", 400)


def test_the_ari_prefix_is_refused_with_the_path_to_use(link22: Link) -> None:
    with pytest.raises(Problem, match=r"Leave out the /ari prefix: '/channels/1'"):
        link22.resolve("GET", "/ari/channels/1", None, None)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/channels?api_key=u:s3cret", None),
        ("/channels/api_key=s3cret", None),
        ("/channels/%61pi_key=s3cret", None),
        ("/channels", {"api_key": "u:s3cret"}),
        ("/channels", {"API_KEY": "u:s3cret"}),
    ],
)
def test_an_api_key_is_refused_and_not_repeated(path: str, query: dict[str, str] | None, link22: Link) -> None:
    with pytest.raises(Problem) as caught:
        link22.resolve("GET", path, query, None)
    assert caught.value.code == "bad_parameter"
    assert "api_key" in caught.value.detail
    assert "s3cret" not in caught.value.detail


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        ("/channels/1724.7", "1724.7"),
        ("channels/1724.7", "1724.7"),
        ("/channels/a%2Fb", "a/b"),
        ("/channels/a%252Fb", "a%2Fb"),
        ("/channels/a+b", "a+b"),
        ("/channels/c1;2", "c1;2"),
        ("/channels/%63%C3%A9", "cé"),
    ],
)
def test_ids_are_decoded_once_and_encoded_once(path: str, channel: str, link22: Link, catalogue22: Catalogue) -> None:
    command = link22.resolve("GET", path, None, None)
    assert (command.op, command.params) == ("channels.get", {"channelId": channel})
    sent = render(catalogue22, catalogue22.get(command.op), command.params).target
    assert sent.count("/") == 2
    assert unquote(sent.rpartition("/")[2]) == channel


def test_an_encoded_slash_makes_no_other_operation(link22: Link) -> None:
    command = link22.resolve("DELETE", "/channels/c1%2Fmoh", None, None)
    assert (command.op, command.params["channelId"]) == ("channels.hangup", "c1/moh")
    with pytest.raises(Problem, match="has no"):
        link22.resolve("DELETE", "/channels%2Fc1", None, None)


@pytest.mark.parametrize("channel", ["create", "externalMedia", "..", ".", "", "a\nb", "a\0b", "\udfff"])
def test_an_id_cannot_lead_to_another_operation(channel: str, link22: Link, catalogue22: Catalogue) -> None:
    with pytest.raises(Problem) as caught:
        _render(link22, catalogue22, channel)
    assert caught.value.code == "bad_parameter"


def _render(link: Link, catalogue: Catalogue, channel: str) -> None:
    params = {"channelId": channel, "endpoint": "Local/600@default"}
    command = link.check(Command("pbx", "channels.originateWithId", params))
    render(catalogue, catalogue.get(command.op), command.params)


pieces = st.sampled_from(
    [
        "channels",
        "bridges",
        "..",
        ".",
        "",
        "%2e",
        "%2f",
        "%00",
        "create",
        "play",
        "a b",
        "c1",
        "?",
        "#",
        "é",
        "%",
        "ari",
    ]
)
anything = st.text(max_size=40) | st.lists(pieces, max_size=5).map("/".join) | st.lists(pieces, max_size=6).map("".join)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "get", "PATCH"]) | st.text(max_size=8),
    path=anything | anything.map("/channels/{}".format),
)
def test_any_path_is_refused_or_leads_to_its_own_operation(
    link22: Link, catalogue22: Catalogue, method: str, path: str
) -> None:
    try:
        command = link22.resolve(method, path, None, None)
        request = render(catalogue22, catalogue22.get(command.op), command.params)
    except Problem:
        return
    sent = request.target.partition("?")[0]
    assert sent.isascii()
    assert sent.isprintable()
    assert {"", ".", ".."}.isdisjoint(unquote(segment) for segment in sent.split("/")[1:])
    assert catalogue22.match(request.method, sent)[0].id == command.op


@given(st.lists(st.text(min_size=1).filter(paths.is_segment), min_size=1, max_size=4))
def test_split_undoes_join(segments: list[str]) -> None:
    joined = paths.join(segments)
    if segments[0] != "ari" and "api_key" not in joined.lower() and "%5c" not in joined.lower():
        assert paths.split(joined) == tuple(segments)
