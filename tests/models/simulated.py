"""Tests in simulated time: an hour takes a moment, and a busy machine that stops for seconds changes nothing."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any

from aribridge.script.testing.clock import SimulatedLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def in_simulated_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop whose time passes only while nothing else is left to do."""

    @wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            runner.run(test(*arguments, **fixtures))

    return run
