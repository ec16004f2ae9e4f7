"""Many call flows at once: each gets its events, and an event costs as much as with one flow."""

from __future__ import annotations

from typing import Any

import pytest
from real.wait import until
from script_parts import RecordingAsterisks, arrived

from aribridge.script import ScriptHost
from aribridge.script.flows.flow import Flow

MANY = 100
SCRIPT = """
    local log = require("bridge").log
    function on_call(call)
      call:dial({"PJSIP/" .. call.id}, {timeout = 60, early_media = false})
    end
"""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Flow]:
    """A flow for each time that it was asked for its channels."""
    found: list[Flow] = []
    channels = Flow.channels

    def counted(flow: Flow) -> list[str]:
        found.append(flow)
        return channels(flow)

    monkeypatch.setattr(Flow, "channels", counted)
    return found


def legs(asterisks: RecordingAsterisks) -> dict[str, str]:
    """The channels that the flows had made, by whom they ring."""
    made = [call[2] for call in asterisks.calls if call[1] in {"channels.originate", "channels.create"}]
    return {params["endpoint"]: params["channelId"] for params in made}


async def test_an_event_is_looked_at_by_whom_it_is_for_alone(load: Any, asterisks: Any, looks: list[Flow]) -> None:
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    host: ScriptHost = load(SCRIPT)
    for number in range(MANY):
        host.on_event("pbx", arrived(f"c{number}"))
    await until(lambda: len(legs(asterisks)) == MANY, what="all ring")
    flows = host.flows._flows.values()
    looks.clear()
    before = {flow.channel: flow.mailbox.last for flow in flows}
    leg = legs(asterisks)["PJSIP/c7"]
    host.on_event("pbx", {"type": "ChannelStateChange", "channel": {"id": leg}})  # heard of the leg, too
    host.on_event("pbx", {"type": "ChannelDtmfReceived", "channel": {"id": "c7"}, "digit": "1"})
    host.on_event("pbx", {"type": "ChannelDtmfReceived", "channel": {"id": "nobody's"}, "digit": "1"})
    got = {flow.channel: flow.mailbox.last - before[flow.channel] for flow in flows}
    assert {channel: number for channel, number in got.items() if number} == {"c7": 2}
    assert len(looks) <= 3


async def test_nothing_is_kept_of_flows_that_are_over(load: Any, asterisks: Any) -> None:
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    host: ScriptHost = load(SCRIPT)
    for number in range(3):
        host.on_event("pbx", arrived(f"c{number}"))
    await until(lambda: len(legs(asterisks)) == 3, what="all ring")
    host.on_event("pbx", arrived("other", replace_channel={"id": "c0"}))
    for channel in ("other", "c1", "c2"):
        host.on_event("pbx", {"type": "ChannelDestroyed", "channel": {"id": channel}})
    await until(lambda: not host.flows._flows, what="all flows are over")
    assert host.flows._hearers._of == {}
