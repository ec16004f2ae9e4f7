"""The error codes of the Janus API, and how the gateway's own problems become one of them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from aribridge.protocol.problems import Problem


class Code(IntEnum):
    """Numbers that Janus clients know (https://janus.conf.meetecho.com/docs/rest.html)."""

    UNAUTHORIZED = 403
    PLUGIN_NOT_ALLOWED = 405
    INVALID_JSON = 454
    NOT_AN_OBJECT = 455
    MISSING_ELEMENT = 456
    WRONG_LEVEL = 457
    NO_SESSION = 458
    NO_HANDLE = 459
    NO_PLUGIN = 460
    ATTACH_FAILED = 461
    MESSAGE_FAILED = 462
    UNKNOWN_REQUEST = 453
    UNKNOWN_JSEP = 464
    INVALID_SDP = 465
    WRONG_TYPE = 467
    SESSION_TAKEN = 468
    UNEXPECTED_ANSWER = 469
    WRONG_STATE = 471
    NOT_ACCEPTING = 472
    UNKNOWN = 490


class JanusError(Exception):
    """A request that ends in ``janus: "error"``; the reason says what is wrong and what to do about it."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def to_json(self) -> dict[str, Any]:
        """The ``error`` object of a reply; janus.js throws when one of the two is missing."""
        return {"code": int(self.code), "reason": self.reason}


_PROBLEMS = {
    "unauthorized": Code.UNAUTHORIZED,
    "forbidden": Code.PLUGIN_NOT_ALLOWED,
    "bad_sdp": Code.INVALID_SDP,
    "ice_restart": Code.WRONG_STATE,
}


def from_problem(problem: Problem) -> JanusError:
    """Put a problem of the gateway's own into the numbers of the Janus API."""
    return JanusError(_PROBLEMS.get(problem.code, Code.UNKNOWN), problem.detail)


def error_reply(error: JanusError, message: object) -> dict[str, Any]:
    """Render the reply to ``message``, which is not a request: anything that a client sent."""
    reply: dict[str, Any] = {"janus": "error"}
    if isinstance(message, dict):
        if isinstance(message.get("transaction"), str):
            reply["transaction"] = message["transaction"]
        if type(message.get("session_id")) is int:
            reply["session_id"] = message["session_id"]
    reply["error"] = error.to_json()
    return reply
