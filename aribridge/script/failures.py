"""The log of a script's failures: each with file and line, and none so often that it buries the rest of the log."""

from __future__ import annotations

import time

import structlog

from aribridge.script.errors import ScriptFailure

log = structlog.get_logger("aribridge.script")

_PAUSE = 1.0
"""Seconds for which the same failure is counted instead of logged: on_event may fail thousands of times a second."""
_MOST = 100


class FailureLog:
    """Logs the failures of one script as ``script.error``; ``repeated`` counts those left out since the last line."""

    def __init__(self, script: str) -> None:
        self._log = log.bind(script=script)
        self._quiet_until: dict[tuple[str, str | None], float] = {}
        self._left_out: dict[tuple[str, str | None], int] = {}

    def write(self, hook: str, failure: ScriptFailure) -> None:
        """Log a failure, unless the same one was logged a moment ago."""
        place = (hook, failure.where)
        now = time.monotonic()
        if now < self._quiet_until.get(place, 0.0):
            self._left_out[place] = self._left_out.get(place, 0) + 1
            return
        if len(self._quiet_until) >= _MOST:
            self._quiet_until.clear()
            self._left_out.clear()
        self._quiet_until[place] = now + _PAUSE
        self._log.error(
            "script.error",
            hook=hook,
            where=failure.where,
            error=failure.text,
            ran_out=failure.ran_out,
            trace=failure.trace,
            repeated=self._left_out.pop(place, 0),
        )
