"""JSON that the operator's commands send to the gateway's own socket."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from aribridge.protocol.depth import is_deeper
from aribridge.protocol.problems import Problem

T = TypeVar("T")


async def read_body(request: web.Request, kind: type[T], depth: int, what: str) -> T:
    """The body of a request, nested in at most ``depth`` levels as messages are. Raises Problem ``bad_message``."""
    content = await request.read()
    if is_deeper(content.decode("utf-8", "replace"), depth):
        raise Problem("bad_message", f"{what} is nested deeper than {depth} levels (limits.depth).")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Problem("bad_message", f"{what} is malformed: {error}.") from None
