"""What the operator does by the socket in the state folder goes on record."""

from __future__ import annotations

import socket
import struct

from aiohttp import web
from aiohttp.typedefs import Handler

from aribridge.obs import audit

ABOUT = "about"
"""Under which a request keeps what else is to be said of it."""

_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE = frozenset({"call", "explain"})
"""A call is on record as the command that it is; an explanation changes nothing."""


@web.middleware
async def recorded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note each request that changes something, with the user of this machine who sent it, and what came of it."""
    response = await handler(request)
    operation = request.path.rpartition("/")[2]
    if request.method not in _LOOKS and operation not in _ELSEWHERE:
        about = {**request.match_info, **request.query, **request.get(ABOUT, {})}
        audit.note(
            "operator",
            "allow",
            by="socket",
            uid=_user_of(request),
            operation=operation,
            about={name: value for name, value in about.items() if value is not None},
            status=response.status,
        )
    return response


def _user_of(request: web.Request) -> int | None:
    """The numeric user on the other side of the socket (unix(7), SO_PEERCRED)."""
    connection = None if request.transport is None else request.transport.get_extra_info("socket")
    if connection is None:
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])
