"""Back to the dialplan: what becomes of a call that no script goes on with."""

from __future__ import annotations

import structlog

from aribridge.protocol.problems import Problem
from aribridge.script.host import Asterisks

log = structlog.get_logger("aribridge.script")


async def fall_back(asterisks: Asterisks, target: str, channel: str, result: str, on_failure: str) -> None:
    """Give a call back to the dialplan, which finds out why in ARIBRIDGE_RESULT; or hang up, as ``on_failure`` says."""
    if on_failure == "hangup":
        await attempt(asterisks, target, "channels.hangup", channelId=channel)
        return
    variable = {"variable": "ARIBRIDGE_RESULT", "value": result}
    await attempt(asterisks, target, "channels.setChannelVar", channelId=channel, **variable)
    await attempt(asterisks, target, "channels.continueInDialplan", channelId=channel)


async def attempt(asterisks: Asterisks, target: str, op: str, **params: str) -> None:
    """Carry out an operation on a call that may have left meanwhile, which Asterisk answers with 404 or 409."""
    try:
        await asterisks.call(target, op, params)
    except Problem as problem:
        if problem.source != "asterisk":
            log.warning("flow.not_settled", target=target, operation=op, **params, error=problem.detail)
