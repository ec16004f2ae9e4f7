"""How the runs of one script's hooks went: for operators, and for Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aribridge.obs import metrics
from aribridge.script.errors import ScriptFailure


class Tally:
    """Counts the runs of one script since it was loaded. Hooks are those of lua/host, ``task`` and ``timer``."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._hooks: dict[str, _Hook] = {}

    @contextmanager
    def run(self, hook: str) -> Iterator[None]:
        """Count what runs inside, with the time that it takes, waits included."""
        count = self._hooks.get(hook) or self._hooks.setdefault(hook, _Hook(self._script, hook))
        began = time.perf_counter()
        try:
            yield
        except ScriptFailure as failure:
            count.over(_outcome(failure), began)
            raise
        except asyncio.CancelledError:
            count.over("cancelled", began)
            raise
        except BaseException:
            count.over("ok", began)  # what a hook decided, such as a denial, is no failure of the script
            raise
        count.over("ok", began)

    def to_report(self) -> dict[str, Any]:
        """By hook: ``runs``, and ``failures`` of them."""
        return {name: {"runs": hook.runs, "failures": hook.failures} for name, hook in self._hooks.items()}


class _Hook:
    def __init__(self, script: str, hook: str) -> None:
        self.runs = 0
        self.failures = 0
        self._labels = (script, hook)
        self._seconds = metrics.script_seconds.labels(script, hook)
        self._ok = metrics.script_runs_total.labels(script, hook, "ok")

    def over(self, outcome: str, began: float) -> None:
        self.runs += 1
        self._seconds.observe(time.perf_counter() - began)
        if outcome == "ok":
            self._ok.inc()
            return
        self.failures += outcome != "cancelled"
        metrics.script_runs_total.labels(*self._labels, outcome).inc()


def _outcome(failure: ScriptFailure) -> str:
    if failure.ran_out:
        return "ran_out"
    return "cancelled" if failure.code in {"cancelled", "hangup", "ended"} else "error"
