"""A caller who has hung up, and Asterisk's refusal that comes ahead of the event that says so."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from script_parts import RecordingAsterisks

from aribridge.protocol.problems import Problem
from aribridge.script.flows.flow import Flow
from aribridge.script.flows.hearers import Hearers
from aribridge.script.flows.memory import Memory, Record
from aribridge.script.flows.patience import never
from aribridge.script.kv import Kv


class AsteriskWithoutTheCaller(RecordingAsterisks):
    """Refuses everything, as for a channel that is gone. A real one tells of the end in the same moment, or earlier."""

    async def call(self, target: str | None, op: str, params: Any) -> Any:
        await super().call(target, op, params)
        raise Problem("asterisk_error", "Channel not found", status=404, source="asterisk", outcome="not_applied")


@pytest.mark.parametrize("params", [{"channelId": "1.1"}, {"bridgeId": "b", "channel": ["1.1"]}, {"originator": "1.1"}])
async def test_the_script_learns_of_the_refusal_when_it_can_know_why(params: dict[str, Any], tmp_path: Any) -> None:
    kv, asterisks = Kv(tmp_path, 1 << 20), AsteriskWithoutTheCaller()
    hearers: Hearers[Flow] = Hearers()
    script: Any = SimpleNamespace(name="a.lua", open_flow=lambda: SimpleNamespace(cancel=lambda _: None))
    flow = Flow(
        "f_1", script, Record("pbx", "1.1", "a.lua"), {"id": "1.1"}, asterisks, Memory(kv), "continue", never, hearers
    )
    asked = asyncio.create_task(flow.serve("call", "some.operation", params, None, None))
    async with asyncio.timeout(30):
        await asterisks.reached(2)
    assert [call[1] for call in asterisks.calls] == ["some.operation", "channels.get"]
    assert not asked.done()
    flow.leave("hangup")
    with pytest.raises(Problem, match="not found"):
        await asked
    await kv.close()
