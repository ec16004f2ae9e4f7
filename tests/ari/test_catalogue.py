import json

import pytest

from aribridge.ari import Catalogue, Link
from aribridge.ari.description import read_catalogue, resource_paths
from aribridge.protocol.problems import Problem


def test_each_version_has_its_own_operations(catalogue22: Catalogue, catalogue16: Catalogue) -> None:
    assert (len(catalogue22), len(catalogue16)) == (109, 98)
    news = {operation.id for operation in catalogue22} - {operation.id for operation in catalogue16}
    assert {"channels.progress", "channels.transfer_progress", "events.claimChannel", "bridges.setBridgeVars"} <= news


def test_every_operation_is_found_by_its_own_path(catalogue22: Catalogue) -> None:
    for operation in catalogue22:
        path = "/".join("id" if segment.startswith("{") else segment for segment in operation.segments)
        assert catalogue22.match(operation.method, path)[0] is operation


def test_a_literal_wins_over_an_id_as_in_asterisk(catalogue22: Catalogue) -> None:
    assert catalogue22.match("POST", "/channels/create")[0].id == "channels.create"
    assert catalogue22.match("POST", "/channels/%63reate")[0].id == "channels.create"
    with pytest.raises(Problem, match=r"takes POST, not 'GET'"):
        catalogue22.match("GET", "/channels/create")


@pytest.mark.parametrize(
    ("op", "nearest"),
    [
        ("channels.orginate", "channels.originate"),
        ("channel.list", "channels.list"),
        ("bridge.addchannel", "bridges.addChannel"),
        ("hangup", "channels.hangup"),
    ],
)
def test_an_unknown_operation_names_the_nearest(op: str, nearest: str, catalogue22: Catalogue) -> None:
    with pytest.raises(Problem, match=f"the nearest is {nearest}") as caught:
        catalogue22.get(op)
    assert (caught.value.code, caught.value.status) == ("unknown_operation", 404)


@pytest.mark.parametrize(
    ("method", "path", "hint"),
    [
        ("GET", "/channel", r"the nearest is GET /channels \(channels.list\)"),
        ("PATCH", "/channels", r"'/channels' takes GET, POST, not 'PATCH'"),
        ("POST", "/channels/c1/awnser", r"channels.answer"),
        ("GET", "/Channels", r"channels.list"),
    ],
)
def test_an_unknown_path_names_the_nearest(method: str, path: str, hint: str, catalogue22: Catalogue) -> None:
    with pytest.raises(Problem, match=hint) as caught:
        catalogue22.match(method, path)
    assert caught.value.code == "unknown_operation"


def test_an_operation_that_an_older_asterisk_lacks_is_unknown_there(link22: Link, link16: Link) -> None:
    assert link22.resolve("POST", "/channels/c1/progress", None, None).op == "channels.progress"
    with pytest.raises(Problem) as caught:
        link16.resolve("POST", "/channels/c1/progress", None, None)
    assert caught.value.code == "unknown_operation"


def test_the_list_for_forms_has_what_a_form_needs(catalogue22: Catalogue) -> None:
    listed = {operation["id"]: operation for operation in json.loads(json.dumps(catalogue22.to_json()))}
    mute = listed["channels.mute"]
    assert (mute["method"], mute["path"]) == ("POST", "/channels/{channelId}/mute")
    assert mute["summary"]
    channel, direction = mute["params"]
    assert (channel["name"], channel["in"], channel["required"]) == ("channelId", "path", True)
    assert (direction["allowed"], direction["default"]) == (["both", "in", "out"], "both")
    assert {error["status"] for error in mute["errors"]} == {404, 409, 412}


def test_the_index_names_the_files() -> None:
    index = b'{"apis": [{"path": "/api-docs/asterisk.{format}", "description": "x"}]}'
    assert resource_paths(index) == ["/api-docs/asterisk.json"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"apis": 1}', b'{"apis": [{"operations": []}]}'])
def test_what_is_no_description_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a Swagger 1\.1 document"):
        read_catalogue([("/api-docs/x.json", content)])
