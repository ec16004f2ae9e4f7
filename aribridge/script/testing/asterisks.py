"""ARI for scripts under test: the test's own answers first, then those of the Asterisk that stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from aribridge.core.command import Command
from aribridge.protocol.problems import KINDS, Problem
from aribridge.script.flows import Flows
from aribridge.script.testing.behind import Behind, Unanswered

TARGET = "pbx"
"""The only Asterisk of most tests, by name."""

Answer = Callable[[str, Mapping[str, Any]], Any]
"""What the test answers to an operation: ``"none"``, ``["body", value]`` or ``["error", fields]``."""


class Sent(NamedTuple):
    """A command that a script sent, and that was carried out."""

    op: str
    params: Mapping[str, Any]


class AnsweringAsterisks:
    """Asks for every call, and keeps what was asked and published; ``fault`` is told what has no answer."""

    def __init__(self, answer: Answer, behind: Behind, fault: Callable[[str], None]) -> None:
        self.calls: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []
        self.sent: list[Sent] = []
        self._answer = answer
        self.behind = behind
        self._fault = fault
        self._flows: Flows | None = None

    def attend(self, flows: Flows) -> None:
        """Tell the owners of calls of every command from now on."""
        self._flows = flows

    def operations(self, target: str | None) -> Collection[str]:
        """Those of the Asterisk behind; none where tests may answer what they like."""
        return self.behind.operations(target)

    async def call(self, target: str | None, op: str, params: Mapping[str, Any]) -> Any:
        """Return what is answered to the operation."""
        self._note(target, op, params)
        given = {name: value for name, value in params.items() if name != "flow"}
        command = Command(target or TARGET, op, given)
        if self._flows is not None:
            command = self._flows.outgoing(command, by="script", flow=bool(params.get("flow")))
        try:
            body = await self._carry_out(command)
        except Problem:
            if self._flows is not None:
                self._flows.refused(command)
            raise
        self.sent.append(Sent(command.op, command.params))
        return body

    async def request(
        self, target: str | None, method: str, path: str, query: Mapping[str, Any] | None, body: Any
    ) -> Any:
        """Return what is answered to ``GET /channels``, by this name."""
        named = {"query": query, "body": body}
        params = {name: value for name, value in named.items() if value}
        self._note(target, f"{method} {path}", params)
        return await self._carry_out(Command(target or TARGET, f"{method} {path}", params))

    def publish(self, target: str | None, event: Mapping[str, Any]) -> None:
        """Keep an event of the script's own."""
        self.published.append(dict(event) if target is None else {**event, "target": target})

    def own(self, target: str, channel: str, script: str | None) -> None:
        """Nobody looks at the state of calls; ``T`` has it from the log."""

    def _note(self, target: str | None, op: str, params: Mapping[str, Any]) -> None:
        call = {"op": op, "params": dict(params), "target": target}
        self.calls.append({name: value for name, value in call.items() if value is not None})

    async def _carry_out(self, command: Command) -> Any:
        match self._answer(command.op, command.params):
            case ["error", fields]:
                raise _problem(fields)
            case ["body", *values]:
                return values[0] if values else None
        try:
            return await self.behind.call(command.target, command.op, command.params)
        except Unanswered:
            answer = f'T.ari("{command.op}", function(params) return ... end)'
            text = f"nothing answers {command.op} in this test: {answer} does"
            self._fault(text)
            raise Problem("unsupported", text) from None


def _problem(fields: Mapping[str, Any]) -> Problem:
    status = fields.get("status", 500)
    code = fields.get("code", "not_found" if status == 404 else "asterisk_error")
    if code not in KINDS:
        raise Problem("bad_parameter", f"T.error: there is no code {code}; the protocol page lists them")
    detail = fields.get("detail", "an error that the test made")
    return Problem(code, detail, status=status, source="asterisk", outcome=fields.get("outcome", "not_applied"))
