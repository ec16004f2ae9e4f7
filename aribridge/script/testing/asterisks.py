"""ARI for scripts under test: a test answers in Asterisk's place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from aribridge.protocol.problems import KINDS, Problem

Answer = Callable[[str, Mapping[str, Any]], Any]
"""What the test answers to an operation: ``"none"``, ``["body", value]`` or ``["error", fields]``."""


class AnsweringAsterisks:
    """Asks ``answer`` for every call, and keeps what was asked and published; ``fault`` is told what has no answer."""

    def __init__(self, answer: Answer, fault: Callable[[str], None]) -> None:
        self.calls: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []
        self._answer = answer
        self._fault = fault

    def operations(self, _target: str | None) -> Collection[str]:
        """Return none: a test answers what it likes."""
        return ()

    async def call(self, target: str | None, op: str, params: Mapping[str, Any]) -> Any:
        """Return what the test answers to the operation."""
        return self._ask(target, op, params)

    async def request(
        self, target: str | None, method: str, path: str, query: Mapping[str, Any] | None, body: Any
    ) -> Any:
        """Return what the test answers to ``GET /channels``, by this name."""
        params = {"query": query, "body": body}
        return self._ask(target, f"{method} {path}", {name: value for name, value in params.items() if value})

    def publish(self, target: str | None, event: Mapping[str, Any]) -> None:
        """Keep an event of the script's own."""
        self.published.append(dict(event) if target is None else {**event, "target": target})

    def own(self, target: str, channel: str, script: str | None) -> None:
        """Do nothing: tests run no call flows."""

    def _ask(self, target: str | None, op: str, params: Mapping[str, Any]) -> Any:
        call = {"op": op, "params": dict(params), "target": target}
        self.calls.append({name: value for name, value in call.items() if value is not None})
        match self._answer(op, params):
            case ["error", fields]:
                raise _problem(fields)
            case ["body", *values]:
                return values[0] if values else None
        text = f'nothing answers {op} in this test: T.ari("{op}", function(params) return ... end) does'
        self._fault(text)
        raise Problem("unsupported", text)


def _problem(fields: Mapping[str, Any]) -> Problem:
    status = fields.get("status", 500)
    code = fields.get("code", "not_found" if status == 404 else "asterisk_error")
    if code not in KINDS:
        raise Problem("bad_parameter", f"T.error: there is no code {code}; the protocol page lists them")
    detail = fields.get("detail", "an error that the test made")
    return Problem(code, detail, status=status, source="asterisk", outcome=fields.get("outcome", "not_applied"))
