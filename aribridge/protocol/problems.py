"""What can go wrong, in one table: each code with its meaning and its remedy.

The table feeds error replies (RFC 9457 shapes), the pages under ``/problems/<code>`` and the protocol reference, so
that the three never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["gateway", "script", "asterisk"]
Retry = Literal["never", "now", "after"]
Outcome = Literal["not_applied", "applied", "unknown"]


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem: ``cause`` says what it means, ``remedy`` how to mend it."""

    code: str
    status: int
    title: str
    cause: str
    remedy: str
    retry: Retry = "never"


class Problem(Exception):
    """A problem on its way to whoever asked; rendered once, at the door it leaves by."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        source: Source = "gateway",
        retry: Retry | None = None,
        after_ms: int = 0,
        outcome: Outcome = "not_applied",
    ) -> None:
        super().__init__(detail)
        self.kind = KINDS[code]
        self.code = code
        self.detail = detail
        self.status = status or self.kind.status
        self.source: Source = source
        self.retry: Retry = retry or self.kind.retry
        self.after_ms = after_ms
        self.outcome: Outcome = outcome

    def to_error(self) -> dict[str, Any]:
        """The ``error`` object of a reply (section "Errors" of the protocol page)."""
        return {
            "type": f"/problems/{self.code}",
            "title": self.kind.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "source": self.source,
            "retry": self.retry,
            "after_ms": self.after_ms,
            "outcome": self.outcome,
        }


_TABLE = (
    ProblemKind(
        "bad_frame",
        400,
        "The frame is not a protocol message",
        "The frame is not JSON, or not an object of the protocol.",
        "Send one JSON object per frame; an array only after a hello that lists the feature batch.",
    ),
    ProblemKind(
        "bad_message",
        400,
        "The message has the wrong shape",
        "A field is missing, has the wrong type, or is not known.",
        "The detail names the field; the protocol page lists the fields of each message.",
    ),
    ProblemKind(
        "unknown_type",
        400,
        "Unknown message type",
        "The type of the message is not one that clients send.",
        "Use one of the types that the protocol page lists.",
    ),
    ProblemKind(
        "frame_too_large",
        413,
        "The frame is larger than the limit",
        "The frame is larger than limits.frame in the welcome.",
        "Send less at once, or ask the operator to raise limits.frame.",
    ),
    ProblemKind(
        "reply_too_large",
        413,
        "The reply does not fit in one frame",
        "Asterisk's answer is larger than a frame may be, and the client has not asked for parts; or than may wait.",
        'List "parts" among the features of the hello, or ask for less.',
    ),
    ProblemKind(
        "duplicate_id",
        409,
        "A request with this id is still in flight",
        "The id of a request must be fresh while another with the same id is unanswered.",
        "Count ids up.",
    ),
    ProblemKind(
        "key_reused",
        422,
        "The key was used for something else",
        "A command with the same key and operation, but other parameters, came in the last five minutes.",
        "Take a fresh key for each thing that you want done; keep it for repetitions of the same command alone.",
    ),
    ProblemKind(
        "outcome_unknown",
        409,
        "What became of the command is not known",
        "The first command with this key got no answer from Asterisk, and nothing shows whether it was carried out.",
        "Look at the state of the call; send the command with a fresh key if you want it done now.",
    ),
    ProblemKind(
        "hello_required",
        401,
        "Say hello first",
        "This connection has not authenticated yet.",
        "Send a hello with a token as the first message.",
    ),
    ProblemKind(
        "unauthorized",
        401,
        "No valid token",
        "The token is missing, malformed, expired, or not signed by a key that this gateway trusts.",
        "Get a fresh token from your application's server (aribridge token issue makes one by hand).",
    ),
    ProblemKind(
        "forbidden",
        403,
        "Not allowed",
        "The token does not allow this.",
        "The detail names what is missing; a token with the right ops or roles allows it.",
    ),
    ProblemKind(
        "denied",
        403,
        "A script denied it",
        "A Lua script of this gateway refused the command.",
        "The detail is the script's own reason.",
    ),
    ProblemKind(
        "gateway_owns_app",
        403,
        "The application is the gateway's own",
        "One call to change what the gateway's application receives would starve every other client.",
        "Subscribe with a filter instead.",
    ),
    ProblemKind(
        "use_subscribe",
        501,
        "Events come by subscription",
        "The gateway owns the event socket and shares it.",
        "Send a subscribe message.",
    ),
    ProblemKind(
        "target_required",
        400,
        "Which Asterisk?",
        "Several Asterisks are configured, and the message names none.",
        "Set target to one of the names in the welcome.",
    ),
    ProblemKind(
        "unknown_target",
        404,
        "No such Asterisk",
        "No configured Asterisk has this name.",
        "Use one of the target names in the welcome.",
    ),
    ProblemKind(
        "unknown_operation",
        404,
        "No such ARI operation",
        "The connected Asterisk does not describe this operation.",
        "The detail names the nearest one that it has.",
    ),
    ProblemKind(
        "missing_parameter",
        400,
        "A required parameter is missing",
        "The operation needs the named parameter.",
        "Add it.",
    ),
    ProblemKind(
        "bad_parameter",
        400,
        "A parameter is not right",
        "The named parameter is unknown to the operation, or has the wrong type or value.",
        "The detail says what is expected.",
    ),
    ProblemKind(
        "bad_path",
        400,
        "The path is not an ARI path",
        "The path holds what no ARI path has: dot segments, empty segments, a query, a fragment or line breaks.",
        "Send the path alone, each id percent-encoded, and parameters in query or body.",
    ),
    ProblemKind(
        "binary_body",
        406,
        "The answer is not JSON",
        "The operation answers with a file, which does not fit in a JSON reply.",
        "Read it by HTTP: GET /v1/recordings/<target>/<name>, with the same token.",
    ),
    ProblemKind(
        "range_not_satisfiable",
        416,
        "The file is shorter",
        "The Range begins behind the end of the recording; Content-Range tells its length.",
        "Ask for bytes that are there, or without Range for all.",
    ),
    ProblemKind(
        "too_many_requests",
        429,
        "Too much at once",
        "More is in flight, open, or asked for in a second than a limit allows.",
        "Wait for after_ms, then go on; the detail names the limit.",
        retry="after",
    ),
    ProblemKind(
        "target_down",
        503,
        "Asterisk is not reachable",
        "The gateway has no link to this Asterisk at the moment.",
        "Try again after after_ms; the operator finds the reason under /readyz.",
        retry="after",
    ),
    ProblemKind(
        "draining",
        503,
        "The gateway is stopping",
        "The gateway is stopping or restarting, and takes no new work.",
        "Connect again after the goodbye, then repeat the request.",
        retry="after",
    ),
    ProblemKind(
        "timeout",
        504,
        "Asterisk did not answer in time",
        "No answer came within the time limit; the command may or may not have been carried out.",
        "Look at the state of the call before you repeat it.",
    ),
    ProblemKind(
        "asterisk_error",
        500,
        "Asterisk refused",
        "Asterisk answered the command with an error; status and body are its own.",
        "The detail gives cause and remedy where they are known.",
    ),
    ProblemKind(
        "script_error",
        500,
        "A script failed",
        "A Lua script of this gateway raised an error while it handled the message.",
        "The gateway's log has file and line.",
    ),
    ProblemKind(
        "no_handler",
        404,
        "No script takes this message",
        "No Lua script of this gateway defines on_message.",
        "Add a script with on_message to the configuration.",
    ),
    ProblemKind(
        "unsupported",
        501,
        "This Asterisk cannot do that",
        "The connected version of Asterisk lacks the operation.",
        "Upgrade Asterisk, or do without.",
    ),
    ProblemKind(
        "unknown_subscription",
        404,
        "No such subscription",
        "This connection has no subscription with this number.",
        "Use the sub of an earlier subscribe.",
    ),
    ProblemKind(
        "duplicate_subscription",
        409,
        "The subscription number is taken",
        "Each sub must be fresh on its connection.",
        "Count subs up.",
    ),
    ProblemKind(
        "bad_filter",
        400,
        "The filter is not right",
        "A key of the filter is unknown, or its value is not a list of strings.",
        "The detail names the key and the known ones.",
    ),
    ProblemKind(
        "bad_sdp",
        400,
        "The SDP cannot be used",
        "The session description cannot be parsed, or offers nothing that the gateway takes.",
        "Offer a data channel, with an SDP straight from RTCPeerConnection.",
    ),
    ProblemKind(
        "ice_restart",
        409,
        "No ICE restart here",
        "The peer connection cannot be restarted in place.",
        "Open a new peer connection and resume there.",
    ),
    ProblemKind(
        "unsupported_media_type",
        415,
        "Unknown content type",
        "The body has a content type that this door does not take, or is compressed.",
        "Use application/sdp or application/json, without Content-Encoding.",
    ),
    ProblemKind(
        "origin_not_allowed",
        403,
        "Origin not allowed",
        "The page's origin is not in server.origins.",
        "Add the origin to server.origins in aribridge.toml.",
    ),
    ProblemKind(
        "not_found",
        404,
        "Not here",
        "There is nothing under this address.",
        "See the list of doors in the documentation.",
    ),
    ProblemKind(
        "method_not_allowed",
        405,
        "Method not allowed",
        "The address exists, but not with this method.",
        "Use a method that the Allow header lists.",
    ),
    ProblemKind(
        "internal",
        500,
        "The gateway failed",
        "An error in the gateway itself; the log has the details.",
        "Report it with the log line.",
    ),
)

KINDS: dict[str, ProblemKind] = {kind.code: kind for kind in _TABLE}
"""Every problem code that a client can see."""
