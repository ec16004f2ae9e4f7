"""GET /v1/recordings/<target>/<name>: a stored recording as a file.

Asterisk sends files whole. Ranges (RFC 9110 section 14) are cut out of that here: what stands before one is read and
dropped, what stands after it is not read.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog
from aiohttp import web

from aribridge.ari import Download
from aribridge.auth import Authenticator
from aribridge.core.principal import Principal
from aribridge.hub import Recordings
from aribridge.protocol.problems import Problem
from aribridge.server.bearer import bearer
from aribridge.server.problems import problem_response

log = structlog.get_logger("aribridge.server")

SLOW_SECONDS = 30.0
"""Time for a client to make room for the next piece of some ten thousand bytes."""


class _Reader:
    """Who asks by HTTP, as policy, scripts and audit see a client (``script.Client``)."""

    kind = "http"

    def __init__(self, principal: Principal, address: str) -> None:
        self.id = f"h_{secrets.token_hex(6)}"
        self.principal = principal
        self.address = address
        self.task = asyncio.current_task()

    def send_message(self, data: Any) -> None:
        """Nobody waits for messages."""


class RecordingsDoor:
    """Serves recordings to whom the policy gives ``recordings.getStoredFile`` on them."""

    def __init__(self, recordings: Recordings, authenticator: Authenticator) -> None:
        self._recordings = recordings
        self._authenticator = authenticator
        self._readers: set[_Reader] = set()

    def routes(self) -> list[web.RouteDef]:
        """The door's address, for GET and HEAD; names may have folders."""
        return [web.get("/v1/recordings/{target}/{name:.+}", self._get)]

    def expel(self, is_revoked: Callable[[Principal], bool]) -> int:
        """Cut off the readers whose token was revoked; return how many these are."""
        found = [one for one in self._readers if is_revoked(one.principal)]
        for reader in found:
            if reader.task is not None:
                reader.task.cancel()
        return len(found)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        reader = _Reader(await bearer(request, self._authenticator), request.remote or "")
        self._readers.add(reader)
        try:
            target, name = request.match_info["target"], request.match_info["name"]
            async with self._recordings.open(reader, target, name) as download:
                return await _answer(request, download)
        finally:
            self._readers.discard(reader)


async def _answer(request: web.Request, download: Download) -> web.StreamResponse:
    # For HEAD nobody has said what a range would mean (RFC 9110 section 14.2).
    wanted = _range(request, download.length) if request.method == "GET" else None
    if wanted is not None and not wanted:
        response = problem_response(Problem("range_not_satisfiable", f"It has {download.length} bytes."))
        response.headers["Content-Range"] = f"bytes */{download.length}"
        return response
    answer = _head(download, wanted)
    await answer.prepare(request)
    if request.method == "HEAD":
        return answer
    try:
        async for piece in _cut(download, wanted):
            async with asyncio.timeout(SLOW_SECONDS):
                await answer.write(piece)
    except BaseException:
        # Half a file must not look like a whole one.
        if request.transport is not None:
            request.transport.abort()
        raise
    await answer.write_eof()
    return answer


def _head(download: Download, wanted: range | None) -> web.StreamResponse:
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{download.length}"
    response = web.StreamResponse(status=200 if wanted is None else 206, headers=headers)
    response.content_type = download.content_type
    response.content_length = download.length if wanted is None else len(wanted)
    return response


def _range(request: web.Request, length: int | None) -> range | None:
    """The bytes that are asked for, none of them where there are none such; None for all.

    What is no single range of bytes asks for all. So does a range with a condition (If-Range): recordings have
    nothing to tell one state from another by.
    """
    if length is None or "If-Range" in request.headers:
        return None
    try:
        given = request.http_range
    except ValueError:
        return None
    if given.start is None and given.stop is None:
        return None
    if given.start == 0 and "=-" in request.headers["Range"]:  # the last none of them; to aiohttp it is all
        return range(0)
    return range(length)[given]


async def _cut(download: Download, wanted: range | None) -> AsyncIterator[bytes]:
    at = 0
    async for piece in download.pieces():
        part = piece if wanted is None else piece[max(0, wanted.start - at) : max(0, wanted.stop - at)]
        at += len(piece)
        if part:
            yield part
        if wanted is not None and at >= wanted.stop:
            return
