"""What the modules ``socket`` and ``socket.http`` wait for, in the words that scripts know from LuaSocket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aribridge.script.calls import Operation
from aribridge.script.errors import CallFailure
from aribridge.script.http import Http, HttpAnswer, HttpRequest

_OURS = ("content-length", "transfer-encoding", "connection", "te")
"""Headers that HTTP's own framing decides about; scripts copy them from examples for blocking sockets."""

_MEANINGS = {"timeout": "timeout", "http_failed": "connection refused"}


class LuaSocket:
    """``allow`` names the hosts, as ``http_allow`` of ``[[janus.lua]]`` does."""

    def __init__(self, allow: Sequence[str]) -> None:
        self._http = Http(allow)
        self.operations: dict[str, Operation] = {
            **self._http.operations,  # bridge.http, for the same hosts
            "socket.http": self._request,
            "socket.sleep": self._sleep,
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _sleep(self, seconds: float) -> dict[str, Any]:
        await asyncio.sleep(max(0.0, seconds))
        return {"now": time.time()}

    async def _request(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The answer, or ``problem``: what LuaSocket returns after nil."""
        try:
            answer = await self._http.send(_read(fields))
        except CallFailure as failure:
            return {"problem": _meaning(failure), "now": time.time()}
        return {**_told(answer), "now": time.time()}


def _read(fields: Mapping[str, Any]) -> HttpRequest:
    headers = {_text(name): _text(value) for name, value in fields["headers"]}
    body = fields["body"]
    return HttpRequest(
        url=_text(fields["url"]),
        method=_text(fields["method"]),
        headers={name: value for name, value in headers.items() if name.lower() not in _OURS},
        body=(body if isinstance(body, bytes) else body.encode()) or None,
        timeout=float(fields["timeout"]),
        redirect=fields["redirect"],
    )


def _told(answer: HttpAnswer) -> dict[str, Any]:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    return {
        "status": answer.status,
        "line": f"HTTP/1.1 {answer.status} {phrase}",
        "headers": answer.headers,
        "body": answer.body,
    }


def _meaning(failure: CallFailure) -> str:
    if failure.code == "forbidden":
        return failure.detail.replace("scripts.http_allow", "http_allow of [[janus.lua]]")
    if failure.code == "http_failed" and failure.outcome != "not_applied":
        return failure.detail
    return _MEANINGS.get(failure.code, failure.detail)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
