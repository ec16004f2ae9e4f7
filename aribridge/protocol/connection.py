"""One connection's state machine: what may come when, without any I/O.

Frames go in, messages to act on come out. The shell around it (``hub``) owns tasks, time and the carrier.
"""

from __future__ import annotations

from dataclasses import dataclass

from aribridge.protocol.decode import Refusal, decode_frame
from aribridge.protocol.depth import is_deeper
from aribridge.protocol.messages import Auth, ClientMessage, Hello, Ping, Pong, Request, RestRequest, ScriptMessage
from aribridge.protocol.problems import Problem

FEATURES = frozenset({"batch", "parts"})
"""What a client may list in its hello."""


@dataclass(frozen=True, slots=True)
class Fatal:
    """The connection must end with this goodbye."""

    slug: str
    detail: str


class ProtocolConnection:
    """Decides for each frame what is to be done about it.

    ``authenticated``: the carrier brought a principal along, so a hello is optional.
    """

    def __init__(self, *, frame_limit: int, depth_limit: int, inflight_limit: int, authenticated: bool) -> None:
        self._frame_limit = frame_limit
        self._depth_limit = depth_limit
        self._inflight_limit = inflight_limit
        self._inflight: set[int | str] = set()
        self._anonymous = 0
        self.authenticated = authenticated
        self.greeted = False
        self.features: frozenset[str] = frozenset()

    def receive(self, frame: str | bytes) -> list[ClientMessage | Refusal | Fatal]:
        """Take one frame; return what to act on, in order. After a Fatal nothing more is to be fed."""
        if isinstance(frame, bytes):
            return [Fatal("bad_frame", "A binary frame; the protocol is JSON text.")]
        if len(frame) > self._frame_limit or len(frame.encode("utf-8", "replace")) > self._frame_limit:
            return [Fatal("frame_too_large", f"A frame of more than {self._frame_limit} bytes.")]
        if is_deeper(frame, self._depth_limit):
            return [Fatal("bad_frame", f"JSON nested deeper than {self._depth_limit} levels (limits.depth).")]
        try:
            messages = decode_frame(frame, batch="batch" in self.features)
        except Problem as problem:
            return [Fatal("bad_frame", problem.detail)]
        return [self._admit(message) for message in messages]

    def greet(self, hello: Hello) -> None:
        """The hello was accepted: its features hold from now on."""
        self.greeted = self.authenticated = True
        self.features = FEATURES.intersection(hello.features)

    def answered(self, ident: int | str | None) -> None:
        """A request got its terminal reply; its id is free again."""
        if ident is None:
            self._anonymous -= 1
        else:
            self._inflight.discard(ident)

    @property
    def inflight(self) -> int:
        """Requests without their terminal reply."""
        return len(self._inflight) + self._anonymous

    def _admit(self, message: ClientMessage | Refusal) -> ClientMessage | Refusal | Fatal:
        if isinstance(message, Refusal):
            return message if message.id is not None else Fatal("bad_frame", message.problem.detail)
        if isinstance(message, Hello):
            return self._admit_hello(message)
        if not self.authenticated and not isinstance(message, Ping | Pong | Auth):
            return self._refuse(message, Problem("hello_required", "The first message must be a hello with a token."))
        if isinstance(message, Request | ScriptMessage | RestRequest):
            return self._admit_work(message)
        return message

    def _admit_hello(self, hello: Hello) -> ClientMessage | Refusal:
        if self.greeted:
            return Refusal(hello.id, Problem("bad_message", "hello: said already on this connection."))
        return hello

    def _admit_work(self, message: Request | ScriptMessage | RestRequest) -> ClientMessage | Refusal | Fatal:
        ident = None if isinstance(message, RestRequest) else message.id
        if ident is not None and ident in self._inflight:
            return Refusal(ident, Problem("duplicate_id", f"A request with the id {ident!r} is still in flight."))
        if self.inflight >= self._inflight_limit:
            detail = f"{self._inflight_limit} requests are in flight, which is the limit (limits.inflight)."
            return self._refuse(message, Problem("too_many_requests", detail, after_ms=100))
        if ident is None:
            self._anonymous += 1
        else:
            self._inflight.add(ident)
        return message

    @staticmethod
    def _refuse(message: ClientMessage, problem: Problem) -> Refusal | Fatal:
        if isinstance(message, RestRequest):
            return Refusal(None, problem, message)
        ident = getattr(message, "id", None)
        return Fatal("bad_frame", problem.detail) if ident is None else Refusal(ident, problem)
