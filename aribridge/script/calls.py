"""What scripts wait for: calls of ARI, time, the end of tasks."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from aribridge.protocol.problems import Problem
from aribridge.script.clocks import Clock
from aribridge.script.errors import CallFailure
from aribridge.script.host import Asterisks

log = structlog.get_logger("aribridge.script")

Operation = Callable[..., Awaitable[Any]]
"""Carries out one thing that a script waits for; returns JSON. Raises Problem or CallFailure."""


class Calls:
    """Carries out what a script waits for, by the name that ``host.wait`` of lua/host/runner.lua gives it."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    async def answer(self, operation: str, *arguments: Any) -> tuple[bool, Any]:
        """True and the result, or False and the fields of the error that the script gets."""
        # Whatever a script waits for, others get their turn: else a loop of calls that fail at once would hold up all.
        await asyncio.sleep(0)
        try:
            return True, await self._operations[operation](*arguments)
        except (Problem, CallFailure) as problem:
            return False, problem.to_error()
        except Exception:
            # A fault of the gateway must not leave the script waiting; it is told as one.
            log.exception("script.call_failed", operation=operation)
            return False, Problem("internal", "the gateway failed to carry out the call", outcome="unknown").to_error()


async def sleep(milliseconds: float) -> None:
    """``bridge.sleep``."""
    await asyncio.sleep(milliseconds / 1000)


async def local_time(zone: str, *, wall: Clock | None = None) -> dict[str, Any]:
    """``bridge.time``: the time in a zone of the IANA database, in fields as os.date("*t") has them.

    ``wall`` tells the time in Unix seconds; None is the machine's. Raises Problem (``bad_parameter``).
    """
    try:
        now = datetime.fromtimestamp((wall or time.time)(), ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        detail = f"bridge.time: {zone!r} is no time zone; zones are named like Europe/Vienna"
        raise Problem("bad_parameter", detail) from None
    return {
        "year": now.year,
        "month": now.month,
        "day": now.day,
        "hour": now.hour,
        "min": now.minute,
        "sec": now.second,
        "wday": now.isoweekday() % 7 + 1,
        "yday": now.timetuple().tm_yday,
        "isdst": bool(now.dst()),
        "offset": int((now.utcoffset() or timedelta()).total_seconds()),
    }


class AriCalls:
    """ARI, as the module ``ari`` asks for it."""

    def __init__(self, asterisks: Asterisks) -> None:
        self._asterisks = asterisks
        self.operations: dict[str, Operation] = {"call": self._call, "request": self._request}

    async def _call(self, target: str | None, op: str, params: Any) -> Any:
        _check_table(f"ari.{op}", "parameters", params)
        known = self._asterisks.operations(target)
        if known and op not in known:
            nearest = difflib.get_close_matches(op, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise Problem("unsupported", f"this Asterisk has no operation {op}{hint}")
        return await self._asterisks.call(target, op, params)

    async def _request(self, target: str | None, method: str, path: str, query: Any, body: Any) -> Any:
        _check_table("ari.request", "query", {} if query is None else query)
        return await self._asterisks.request(target, method, path, query, body)


def _check_table(function: str, what: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise Problem(
            "bad_parameter", f"{function} takes a table with names for its {what}, such as {{channelId = ...}}"
        )
