"""What flows leave for the gateway's next run, and who is touched then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from script_parts import RecordingAsterisks

from aribridge.script.errors import CallFailure
from aribridge.script.flows.earlier import Earlier
from aribridge.script.flows.memory import Memory, Record
from aribridge.script.kv import Kv

CALL = Record("pbx", "1.1", "ivr.lua", ["a"], [("playback", "f_1-p1"), ("channel", "f_1-l1"), ("moh", "1.1")])


@pytest.fixture
async def kv(tmp_path: Path) -> Any:
    kv = Kv(tmp_path, 1 << 20)
    yield kv
    await kv.close()


async def test_records_are_read_as_they_were_written(kv: Kv) -> None:
    memory = Memory(kv)
    memory.note("f_1", CALL)
    memory.note("f_2", Record("other", "1.1", "ivr.lua"))
    await memory.save("f_1", {"step": 2})
    (read,) = (await memory.left("pbx")).values()
    assert (read.channel, read.args, read.saved) == ("1.1", ["a"], {"step": 2})
    assert [tuple(entry) for entry in read.made] == CALL.made
    assert read.channels() == {"1.1", "f_1-l1"}
    memory.pass_on("f_1", "f_3", read)
    assert {flow: record.saved for flow, record in (await memory.left("pbx")).items()} == {"f_3": {"step": 2}}
    memory.forget("f_3")
    assert await memory.left("pbx") == {}


async def test_scripts_cannot_see_records_nor_save_too_much(kv: Kv) -> None:
    memory = Memory(kv)
    memory.note("f_1", CALL)
    assert await kv.operations("ivr.lua")["kv.list"]("", "") == []
    with pytest.raises(CallFailure, match="call:save takes up to"):
        await memory.save("f_1", {"text": "x" * 70_000})


async def test_what_scripts_save_leaves_room_for_the_records_of_other_calls(tmp_path: Path) -> None:
    kv = Kv(tmp_path, 1000)
    memory = Memory(kv)
    memory.note("f_1", CALL)
    await memory.save("f_1", {"text": "x" * 700})
    memory.note("f_2", CALL)
    with pytest.raises(CallFailure) as refused:
        await memory.save("f_2", {"text": "x" * 700})
    left = await memory.left("pbx")
    await kv.close()
    assert refused.value.code == "kv_full"
    assert {flow: record.saved is not None for flow, record in left.items()} == {"f_1": True, "f_2": False}


class Found:
    """The last run's calls on an Asterisk of these channels and bridges: who was resumed, who was left to clients."""

    def __init__(self, kv: Kv, channels: Mapping[str, str], bridges: list[list[str]], *, resume: bool = False) -> None:
        self.asterisks, self.memory = RecordingAsterisks(), Memory(kv)
        self.resumed: list[str] = []
        self.left: list[str] = []
        self._can_resume = resume
        self.show(channels, bridges)
        self.earlier = Earlier(
            self.asterisks,
            self.memory,
            "continue",
            self._resume,
            lambda _target, channel: self.left.append(channel),
        )

    def _resume(self, _flow: str, record: Record, _channel: Mapping[str, Any]) -> bool:
        self.resumed += [record.channel] * self._can_resume
        return self._can_resume

    def show(self, channels: Mapping[str, str], bridges: list[list[str]]) -> None:
        self.asterisks.answers["channels.list"] = [
            {"id": ident, "dialplan": {"app_name": "Stasis" if data else "Playback", "app_data": data}}
            for ident, data in channels.items()
        ]
        self.asterisks.answers["bridges.list"] = [{"channels": members} for members in bridges]

    async def find(self) -> None:
        await self.earlier.find("pbx", "app", self.memory.left("pbx"))

    def did(self) -> list[str]:
        return [call[1] for call in self.asterisks.calls if not call[1].endswith(".list")]


async def test_a_call_is_resumed_with_its_music_and_without_the_rest(kv: Kv) -> None:
    found = Found(kv, {"1.1": "app,a", "f_1-l1": "app"}, [], resume=True)
    found.memory.note("f_1", CALL)
    await found.find()
    assert found.resumed == ["1.1"]
    assert found.did() == ["playbacks.stop", "channels.hangup"]
    await found.find()
    assert (found.resumed, found.left) == (["1.1"], [])


async def test_a_call_that_cannot_be_resumed_goes_to_the_dialplan(kv: Kv) -> None:
    found = Found(kv, {"1.1": "app,a"}, [])
    found.memory.note("f_1", CALL)
    await found.find()
    assert found.did()[-3:] == ["channels.stopMoh", "channels.setChannelVar", "channels.continueInDialplan"]
    assert await found.memory.left("pbx") == {}


async def test_a_call_that_is_over_leaves_no_record(kv: Kv) -> None:
    found = Found(kv, {}, [], resume=True)
    found.memory.note("f_1", CALL)
    await found.find()
    assert found.resumed == []
    assert "channels.continueInDialplan" not in found.did()
    assert await found.memory.left("pbx") == {}


async def test_those_who_talk_are_left_alone_until_one_is_gone(kv: Kv) -> None:
    found = Found(kv, {"1.1": "app", "f_1-l1": "app"}, [["1.1", "f_1-l1"]], resume=True)
    found.memory.note("f_1", CALL)
    await found.find()
    assert (found.did(), found.resumed) == ([], [])
    event = {"type": "ChannelLeftBridge", "channel": {"id": "f_1-l1"}, "bridge": {"channels": ["1.1"]}}
    assert found.earlier.parted("pbx", event)
    assert not found.earlier.parted("pbx", event | {"channel": {"id": "9"}, "bridge": {"channels": []}})
    assert not found.earlier.parted("other", event)
    found.show({"1.1": "app"}, [["1.1"]])
    await asyncio.gather(found.earlier.settle("pbx"), found.earlier.settle("pbx"))
    assert found.resumed == ["1.1"]


async def test_who_stands_by_touches_nothing_that_was_found_before(kv: Kv) -> None:
    found = Found(kv, {"1.1": "app,a", "2": "app"}, [], resume=True)
    found.memory.note("f_1", CALL)
    held = found.asterisks.held = asyncio.Event()
    looking = asyncio.create_task(found.find())
    await found.asterisks.reached(1)
    found.earlier.forget("pbx")
    held.set()
    await looking
    assert (found.did(), found.left, found.resumed) == ([], [], [])
    await found.find()
    assert (found.left, found.resumed) == (["2"], ["1.1"])


async def test_only_calls_of_nobody_in_the_application_are_left_to_clients(kv: Kv) -> None:
    channels = {"1": "app", "2": "app,x", "3": "other", "4": "", "5": "app", "aribridge-ab-1": "app"}
    found = Found(kv, channels, [["5"]])
    await found.find()
    assert sorted(found.left) == ["1", "2"]
    assert found.did() == []


async def test_a_caller_is_taken_out_of_the_flows_bridge_before_that_ends(kv: Kv) -> None:
    """At the end of a bridge Asterisk is not done with that when it answers, and what is played then is not heard."""
    found = Found(kv, {"1.1": "app"}, [["1.1"]], resume=True)
    found.memory.note("f_1", Record("pbx", "1.1", "ivr.lua", made=[("bridge", "f_1-b1")]))
    await found.find()
    assert found.did() == ["bridges.removeChannel", "bridges.destroy"]
    assert found.asterisks.calls[-2][2] == {"bridgeId": "f_1-b1", "channel": "1.1"}
