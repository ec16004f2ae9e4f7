"""The log of a script's failures: each with file and line, and none so often that it buries the rest of the log."""

from __future__ import annotations

import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import structlog

from aribridge.core.trace import note
from aribridge.script.clocks import Clock
from aribridge.script.errors import ScriptFailure

log = structlog.get_logger("aribridge.script")

_PAUSE = 1.0
"""Seconds for which the same failure is counted instead of logged: on_event may fail thousands of times a second."""
_MOST = 100
_MOST_LAST = 20
_LONGEST = 500


class FailureLog:
    """Logs the failures of one script as ``script.error``; ``repeated`` counts those left out since the last line."""

    def __init__(self, script: str, clock: Clock = time.monotonic) -> None:
        """``clock`` counts the seconds for which the same failure is not logged again."""
        self._log = log.bind(script=script)
        self._clock = clock
        self._quiet_until: dict[tuple[str, str | None], float] = {}
        self._left_out: dict[tuple[str, str | None], int] = {}
        self._last: OrderedDict[tuple[str, str | None], dict[str, Any]] = OrderedDict()

    def last(self) -> list[dict[str, Any]]:
        """The last failures, the newest first, each place once: ``hook``, ``where``, ``error``, ``at``, ``times``.

        ``at`` is that of the newest in Unix seconds; at most 20 places.
        """
        return list(reversed(self._last.values()))

    def write(self, hook: str, failure: ScriptFailure) -> None:
        """Log a failure, unless the same one was logged a moment ago."""
        note("error", f"{hook}: {failure}")
        self._remember(hook, failure)
        place = (hook, failure.where)
        now = self._clock()
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

    def _remember(self, hook: str, failure: ScriptFailure) -> None:
        place = (hook, failure.where)
        times = self._last.pop(place, {}).get("times", 0) + 1
        error = failure.text[:_LONGEST]
        self._last[place] = {
            "hook": hook,
            "where": failure.where,
            "error": error,
            "ran_out": failure.ran_out,
            "at": datetime.now(UTC).timestamp(),
            "times": times,
        }
        if len(self._last) > _MOST_LAST:
            self._last.popitem(last=False)
