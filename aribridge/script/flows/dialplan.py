"""Back to the dialplan: what becomes of a call that no script goes on with."""

from __future__ import annotations

import structlog

from aribridge.protocol.problems import Problem
from aribridge.script.flows.patience import Again, never
from aribridge.script.host import Asterisks

log = structlog.get_logger("aribridge.script")


async def fall_back(
    asterisks: Asterisks, target: str, channel: str, result: str, on_failure: str, again: Again = never
) -> None:
    """Give a call back to the dialplan, which finds out why in ARIBRIDGE_RESULT; or hang up, as ``on_failure`` says."""
    if on_failure == "hangup":
        await attempt(asterisks, target, "channels.hangup", again, channelId=channel)
        return
    variable = {"variable": "ARIBRIDGE_RESULT", "value": result}
    await attempt(asterisks, target, "channels.setChannelVar", again, channelId=channel, **variable)
    await attempt(asterisks, target, "channels.continueInDialplan", again, channelId=channel)


async def attempt(asterisks: Asterisks, target: str, op: str, again: Again = never, **params: str) -> None:
    """Carry out an operation on a call that may have left meanwhile, which Asterisk answers with 404 or 409."""
    while True:
        try:
            await asterisks.call(target, op, params)
        except Problem as problem:
            if problem.source != "asterisk":
                if await again(problem):
                    continue
                log.warning("flow.not_settled", target=target, operation=op, **params, error=problem.detail)
        return
