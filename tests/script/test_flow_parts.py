"""The parts of call flows that need no Asterisk: who made a channel, a flow's events, calls that nobody takes."""

from __future__ import annotations

import asyncio
from typing import Any

from real.wait import until
from script_parts import command

from aribridge.core.instance import Instance
from aribridge.protocol.problems import Problem
from aribridge.script.flows.ledger import Ledger
from aribridge.script.flows.made import Made
from aribridge.script.flows.mailbox import GAP, Mailbox
from aribridge.script.flows.unhandled import Unhandled


def test_a_channel_gets_an_id_beforehand_unless_its_maker_chose_one() -> None:
    made = Made(Instance.fresh())
    first, second = (made.name(command("channels.originate", endpoint="PJSIP/200")) for _ in range(2))
    assert first.params["channelId"] != second.params["channelId"]
    chosen = command("channels.create", endpoint="PJSIP/200", channelId="mine")
    assert made.name(chosen) is chosen
    other = command("channels.hangup", channelId="1.2")
    assert made.name(other) is other


def test_the_channels_that_were_made_are_known_until_they_are_gone_or_were_refused() -> None:
    made = Made(Instance.fresh())
    snoop = command("channels.snoopChannel", channelId="1.2", snoopId="s")
    made.add(snoop)
    assert ("pbx", "s") in made
    assert ("pbx", "1.2") not in made
    assert ("other", "s") not in made
    made.forget("pbx", "s")
    assert ("pbx", "s") not in made
    made.add(snoop)
    made.drop(snoop)
    assert ("pbx", "s") not in made


def test_only_the_newest_channels_are_remembered() -> None:
    made = Made(Instance.fresh())
    for number in range(10_001):
        made.add(command("channels.create", channelId=str(number)))
    assert ("pbx", "0") not in made
    assert ("pbx", "1") in made


async def test_events_wait_in_order_and_wake_everybody() -> None:
    mailbox = Mailbox()
    waiting = [asyncio.create_task(mailbox.take(0, None)) for _ in range(2)]
    await asyncio.sleep(0)
    mailbox.put({"type": "A"})
    mailbox.put({"type": "B"})
    assert await asyncio.gather(*waiting) == [[{"type": "A"}, {"type": "B"}]] * 2
    assert (mailbox.last, await mailbox.take(1, 0), await mailbox.take(2, 0)) == (2, [{"type": "B"}], [])
    waiting = [asyncio.create_task(mailbox.take(2, None)) for _ in range(2)]
    await asyncio.sleep(0)
    mailbox.wake()
    assert await asyncio.gather(*waiting) == [[], []]


async def test_too_many_events_become_a_gap() -> None:
    mailbox = Mailbox()
    for number in range(1001):
        mailbox.put({"type": str(number)})
    assert await mailbox.take(0, 0) == [GAP, {"type": "1000"}]
    assert mailbox.last == 1002
    assert await mailbox.take(1001, 0) == [{"type": "1000"}]


async def test_legs_are_removed_before_their_bridge_and_what_is_gone_is_no_fault() -> None:
    sent: list[tuple[str, Any]] = []

    async def send(op: str, params: Any) -> None:
        sent.append((op, params))
        raise Problem("asterisk_error", "gone", status=404, source="asterisk")

    ledger = Ledger(send)
    for kind, ident in (("bridge", "b"), ("channel", "l1"), ("channel", "l2"), ("playback", "p")):
        ledger.add(kind, ident)
    ledger.drop("channel", "l2")
    assert ledger.channels() == ["l1"]
    await ledger.remove_all()
    assert [op for op, _ in sent] == ["playbacks.stop", "channels.hangup", "bridges.destroy"]
    await ledger.remove_all()
    assert len(sent) == 3


async def test_a_call_that_is_touched_in_time_is_not_given_up() -> None:
    given_up: list[tuple[str, str]] = []
    unhandled = Unhandled(0.05, lambda target, channel: given_up.append((target, channel)))
    for channel in ("answered", "bridged", "gone", "left alone"):
        unhandled.watch("pbx", channel)
    unhandled.touched(command("channels.answer", channelId="answered"))
    unhandled.touched(command("bridges.addChannel", bridgeId="b", channel=["bridged"]))
    unhandled.forget("pbx", "gone")
    await until(lambda: given_up, every=0.01)
    unhandled.close()
    assert given_up == [("pbx", "left alone")]
