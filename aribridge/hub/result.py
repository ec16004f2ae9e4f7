"""What became of a command, as its reply tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from aribridge.ari import explain
from aribridge.core.command import Answer, Command
from aribridge.core.making import Thing
from aribridge.hub.targets import Target
from aribridge.protocol import encode
from aribridge.protocol.problems import Outcome, Problem


class Result(Struct, frozen=True):
    """The fields of a reply, and what was made, or may have been.

    ``replayed``: it is what another request with the same key caused.
    """

    status: int
    body: Any = None
    error: Problem | None = None
    pos: Mapping[str, Any] | None = None
    replayed: bool = False
    made: Thing | None = None

    @property
    def outcome(self) -> Outcome:
        """What is known to have happened."""
        return self.error.outcome if self.error else "applied"

    def again(self) -> Result:
        """The same, as told to another request."""
        return replace(self, replayed=True)

    def to_reply(self, ident: int | str) -> dict[str, Any]:
        """The reply message."""
        reply = encode.reply(ident, self.status, self.body)
        if self.error is not None:
            reply["error"] = self.error.to_error()
        if self.pos is not None:
            reply["pos"] = self.pos
        if self.replayed:
            reply["replayed"] = True
        return reply


def failed(problem: Problem, made: Thing | None = None) -> Result:
    """The result of a command that a problem ended."""
    return Result(problem.status, error=problem, made=made if problem.outcome != "not_applied" else None)


def answered(command: Command, answer: Answer, target: Target, made: Thing | None = None) -> Result:
    """The result of a command that Asterisk answered."""
    body = encode.raw(answer.body) if answer.body else None
    if answer.status < 400:
        return Result(answer.status, body, pos=target.stream.position, made=made)
    return Result(answer.status, body, asterisk_error(command, answer), target.stream.position)


def asterisk_error(command: Command, answer: Answer) -> Problem:
    """Asterisk's refusal keeps its status and body; cause and remedy are added where they are known."""
    detail = explain(command, answer) or f"Asterisk answered {answer.status}; its own words are in the body."
    return Problem(
        "asterisk_error",
        detail,
        status=answer.status,
        source="asterisk",
        retry="after" if answer.status == 503 else "never",
    )
