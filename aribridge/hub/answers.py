"""What one client is told: terminal replies, and how long ones get through a carrier that takes only so much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aribridge.hub.rest_form import to_response
from aribridge.hub.result import Result
from aribridge.hub.writer import Writer
from aribridge.protocol import encode
from aribridge.protocol.connection import ProtocolConnection
from aribridge.protocol.decode import Refusal
from aribridge.protocol.messages import RestRequest
from aribridge.protocol.problems import Problem


class Answers:
    """Sends a client its messages; ``max_send`` is the most bytes that its carrier takes in one.

    ``give_up`` is told why nothing can be said to the client where what must be said does not fit.
    """

    def __init__(
        self, protocol: ProtocolConnection, writer: Writer, max_send: int, give_up: Callable[[str], None]
    ) -> None:
        self._protocol = protocol
        self._writer = writer
        self._max_send = max_send
        self._give_up = give_up

    def send(self, message: dict[str, Any]) -> None:
        """Send a message that is short by its nature."""
        text = encode.encode(message)
        if (size := encode.size(text)) <= self._max_send:
            self._writer.put(text)
        else:
            self._give_up(f"A {message['type']} of {size} bytes; this carrier takes {self._max_send} in a message.")

    def message(self, data: Any) -> None:
        """Send a script's message. Raises Problem ``frame_too_large``."""
        text = encode.encode({"type": "message", "data": data})
        if (size := encode.size(text)) > self._max_send:
            raise Problem("frame_too_large", f"A message of {size} bytes; this client takes {self._max_send}.")
        self._writer.put(text)

    def error(self, ident: int | str | None, problem: Problem) -> None:
        """Send an error reply."""
        self.send(encode.error(ident, problem, self._max_send))

    def refuse(self, refusal: Refusal) -> None:
        """Answer what could not be let in, in the form that it came in."""
        if refusal.rest is None:
            self.error(refusal.id, refusal.problem)
        else:
            result = Result(refusal.problem.status, error=refusal.problem)
            self.send(to_response(refusal.rest, result, ""))

    def answer(self, ident: int | str, result: Result) -> None:
        """Send a request's terminal reply; its id is free again."""
        self._protocol.answered(ident)
        self._send_long(ident, result.to_reply(ident))

    def answer_rest(self, rest: RestRequest, result: Result, app: str) -> None:
        """Send the terminal answer to a request in Asterisk's own form; ``app`` is the application it names."""
        self._protocol.answered(None)
        self._send_long(None, to_response(rest, result, app))

    def answered(self) -> None:
        """What came without an id is done; nothing is sent for it."""
        self._protocol.answered(None)

    def _send_long(self, ident: int | str | None, message: dict[str, Any]) -> None:
        """Send a reply whole, else in parts to a client that has them, else say that it is too large.

        A client that asks for much at once is not for that one that reads slowly.
        """
        text = encode.encode(message)
        if len(text.encode()) <= self._max_send:
            self._writer.put(text)
        elif ident is not None and "parts" in self._protocol.features:
            self._send_parts(ident, message, text)
        else:
            remedy = f'is over {self._max_send}; list "parts" in the hello to get it in parts'
            self._send_too_large(ident, message, f"The reply of {len(text)} bytes {remedy}.")

    def _send_parts(self, ident: int | str, message: dict[str, Any], text: str) -> None:
        frames = tuple(encode.parts(ident, text, self._max_send))
        if self._writer.takes(frames):
            for frame in frames:
                self._writer.put(frame)
        else:
            remedy = "is more than may wait for a client (limits.outbox_bytes); ask for less, or for less at a time"
            self._send_too_large(ident, message, f"The reply of {len(text)} bytes {remedy}.")

    def _send_too_large(self, ident: int | str | None, message: dict[str, Any], detail: str) -> None:
        applied = message.get("status", message.get("status_code", 500)) < 400
        problem = Problem("reply_too_large", detail, outcome="applied" if applied else "not_applied")
        if ident is not None:
            self.error(ident, problem)
            return
        kept = {key: message[key] for key in ("type", "transaction_id", "request_id", "uri", "application")}
        self.send({**kept, "status_code": 413, "reason_phrase": "Content Too Large", **_rest_body(problem)})


def _rest_body(problem: Problem) -> dict[str, str]:
    return {"content_type": "application/json", "message_body": encode.encode({"message": problem.detail})}
