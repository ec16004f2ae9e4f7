"""Why the gateway ends a connection: close codes with their meaning for the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reconnect = Literal["now", "elsewhere", "reauth", "never"]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """One reason; ``code`` is the WebSocket close code, too (4000-4999 are the application's, RFC 6455 7.4.2)."""

    slug: str
    code: int
    reconnect: Reconnect
    meaning: str


_TABLE = (
    Goodbye("draining", 4000, "now", "The gateway is shutting down or restarting."),
    Goodbye("unauthorized", 4001, "reauth", "The token was refused."),
    Goodbye("token_expired", 4002, "reauth", "The token expired and no fresh one came."),
    Goodbye("hello_timeout", 4003, "now", "No hello came in time."),
    Goodbye("bad_frame", 4004, "never", "A frame that is not a protocol message, and has no id to answer to."),
    Goodbye("frame_too_large", 4005, "never", "A frame over limits.frame."),
    Goodbye(
        "bad_carrier",
        4006,
        "never",
        "The data channel is not ordered and reliable, or takes too little in a message.",
    ),
    Goodbye("slow_consumer", 4007, "now", "The client reads more slowly than its events come."),
    Goodbye("ping_timeout", 4008, "now", "The client did not answer a ping."),
    Goodbye(
        "too_many_connections",
        4009,
        "elsewhere",
        "The gateway, the address or the subject has enough connections.",
    ),
    Goodbye("internal", 4010, "now", "An error in the gateway; its log has the details."),
    Goodbye("kicked", 4011, "never", "The operator of the gateway ended the connection; the detail may say why."),
)

GOODBYES: dict[str, Goodbye] = {goodbye.slug: goodbye for goodbye in _TABLE}
"""Every goodbye that a client can get."""
