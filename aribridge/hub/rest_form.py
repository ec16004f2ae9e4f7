"""Asterisk's own request form, RESTRequest and RESTResponse, for clients that already speak it.

Source: Asterisk documentation, "ARI REST over WebSocket".
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec

from aribridge.hub.result import Result
from aribridge.protocol.depth import is_deeper
from aribridge.protocol.messages import Request, RestRequest
from aribridge.protocol.problems import Problem

_MOST_FIELDS = 256


def to_request(rest: RestRequest, depth: int) -> Request:
    """Bring a RESTRequest into the form of a request; an api_key in it is dropped. Raises Problem.

    ``depth`` is how many levels the JSON of its body may have, which the depth of the message does not tell.
    """
    uri = split(rest.uri)
    query = dict(reversed(_pairs(uri.query) + [(item.name, item.value) for item in rest.query_strings]))
    body = _body(rest, depth)
    query.pop("api_key", None)
    return Request(id=0, method=rest.method, path="/" + uri.path.lstrip("/"), query=query or None, body=body)


def split(uri: str) -> SplitResult:
    """The parts of a RESTRequest's uri. Raises Problem ``bad_path``."""
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise Problem("bad_path", f"RESTRequest: uri: {error}.") from None


def to_response(rest: RestRequest, result: Result, app: str) -> dict[str, Any]:
    """The full RESTResponse to a RESTRequest."""
    response = {
        "type": "RESTResponse",
        "transaction_id": rest.transaction_id,
        "request_id": rest.request_id,
        "status_code": result.status,
        "reason_phrase": _phrase(result.status),
        "uri": rest.uri.partition("?")[0],
        "application": app,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000%z"),
    }
    text = _text(result)
    if text is not None:
        response |= {"content_type": "application/json", "message_body": text}
    return response


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Problem("bad_parameter", f"RESTRequest: more than {_MOST_FIELDS} parameters.") from None


def _body(rest: RestRequest, depth: int) -> dict[str, Any] | None:
    if not rest.message_body:
        return None
    if rest.content_type.partition(";")[0].strip() == "application/x-www-form-urlencoded":
        return dict(reversed(_pairs(rest.message_body)))
    if is_deeper(rest.message_body, depth):
        detail = f"RESTRequest: message_body is nested deeper than {depth} levels (limits.depth)."
        raise Problem("bad_parameter", detail)
    try:
        return msgspec.json.decode(rest.message_body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise Problem("bad_parameter", "RESTRequest: message_body is not a JSON object.") from None


def _text(result: Result) -> str | None:
    if result.body is not None:
        return bytes(result.body).decode() if isinstance(result.body, msgspec.Raw) else _json(result.body)
    return None if result.error is None else _json({"message": result.error.detail})


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
