"""Brings a checked command into the form in which it goes to Asterisk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec

from aribridge.ari import parameters, paths
from aribridge.protocol.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aribridge.ari.catalogue import Catalogue, Operation

# Asterisk refuses a request line over 4096 bytes (main/http.c); long ids and base URLs get the other half.
LONGEST_QUERY = 2048


class Request(msgspec.Struct, frozen=True):
    """``target`` is path and query below the ARI base URL, encoded; ``body`` is JSON, None for none."""

    method: str
    target: str
    body: bytes | None = None


def render(catalogue: Catalogue, operation: Operation, params: Mapping[str, Any]) -> Request:
    """The request for a checked command.

    Raises Problem ``bad_parameter`` where an id would make Asterisk take the path for another operation's, or where
    the body has no JSON form.
    """
    if operation.id == "bridges.create" and "variables" in params:
        # Without an id in the path Asterisk 22.10 takes the whole body for the variables, and refuses it.
        operation = catalogue.get("bridges.createWithId")
        params = parameters.check(operation, {"bridgeId": str(uuid4()), **params})
    path = _path(catalogue, operation, params)
    query, body = _query_and_body(operation, params)
    return Request(operation.method, path + query, None if body is None else _encode(operation, body))


def _path(catalogue: Catalogue, operation: Operation, params: Mapping[str, Any]) -> str:
    segments = [params[segment[1:-1]] if segment.startswith("{") else segment for segment in operation.segments]
    path = paths.join(segments)
    if not catalogue.reaches(operation, segments):
        raise Problem("bad_parameter", f"{operation.id}: {path} is the path of another operation; choose another id.")
    return path


def _query_and_body(operation: Operation, params: Mapping[str, Any]) -> tuple[str, Any]:
    by_location: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
    for name, value in params.items():
        by_location[operation.parameters[name].location][name] = value
    query, body = by_location["query"], by_location["body"]
    if operation.whole_body is not None:
        return _encode_query(query), body.get(operation.whole_body.name)
    # Asterisk takes query parameters as keys of a JSON body too, whatever the method.
    body |= {name: value for name, value in query.items() if _has_comma(value)}
    if len(_encode_query(query)) > LONGEST_QUERY:
        body |= query
    return _encode_query({name: value for name, value in query.items() if name not in body}), body or None


def _has_comma(value: Any) -> bool:
    """Whether it is a list with an item that a comma list would tear apart, as a query has it and JSON has not."""
    return isinstance(value, list) and any("," in item for item in value)


def _encode_query(query: Mapping[str, Any]) -> str:
    pairs = {name: _text(value) for name, value in query.items()}
    return "?" + urlencode(pairs, quote_via=quote, safe="") if pairs else ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, list) else str(value)


def _encode(operation: Operation, body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, TypeError, OverflowError) as error:
        raise Problem("bad_parameter", f"{operation.id}: the body cannot be written as JSON: {error}.") from error
