"""How late the event loop runs what is due: everything that the gateway does waits as long."""

from __future__ import annotations

import asyncio

from aribridge.obs import metrics

_PERIOD = 0.5


async def measure() -> None:
    """Measure it twice a second, for ever."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + _PERIOD
        await asyncio.sleep(_PERIOD)
        metrics.loop_lag_seconds.observe(max(0.0, clock() - due))
