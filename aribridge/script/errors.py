"""How scripts fail."""

from __future__ import annotations

from typing import Any

from aribridge.protocol.problems import Outcome


class ScriptLoadError(Exception):
    """A script cannot be used; the text says where and why: ``main.lua:12: '=' expected near 'x'``."""


class CallFailure(Exception):
    """What a script asked the gateway for failed; the script gets the fields as an error table."""

    def __init__(self, code: str, detail: str, *, outcome: Outcome = "not_applied") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.outcome = outcome

    def to_error(self) -> dict[str, Any]:
        """The fields of the error table."""
        return {"code": self.code, "detail": self.detail, "source": "gateway", "outcome": self.outcome}


class ScriptFailure(Exception):
    """One run of a hook ended in an error or in an overrun.

    ``where`` is ``file:line`` as far as known, ``text`` what happened; ``ran_out`` names the setting that an overrun
    exceeded and is empty for an error; ``code`` is that of an error table, such as ``cancelled``; ``trace`` is Lua's
    stack, for the log alone; ``seconds`` is how long it ran from its last wait on, and held up everybody.
    """

    def __init__(
        self, text: str, *, where: str | None = None, trace: str | None = None, ran_out: str = "", code: str = ""
    ) -> None:
        super().__init__(text)
        self.text = text
        self.where = where
        self.trace = trace
        self.ran_out = ran_out
        self.code = code
        self.seconds = 0.0

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text

    @classmethod
    def from_lua(cls, report: dict[str, Any]) -> ScriptFailure:
        """The failure that lua/host/runner.lua reports."""
        return cls(
            report["text"],
            where=report.get("where"),
            trace=report.get("trace"),
            ran_out=report.get("ran_out", ""),
            code=report.get("code", ""),
        )


class HookResting(ScriptFailure):
    """A hook was not run, because its overruns have taken their share of the time; it is again in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__("was not run: it goes over its budget too often, and rests for a moment", ran_out="rest")
        self.after_seconds = seconds
