"""What the called network says before the answer reaches the caller, whether that is answered yet or not."""

from __future__ import annotations

import pytest
from flow_parts import ari, listening, logged, nothing_left, past_the_gateway
from real.gateway import target
from real.sipp import AUDIO
from real.wait import until

SCRIPT = """
function on_call(call)
  if call.exten == "7901" then call:answer() end
  print(call:dial("PJSIP/loopback/sip:phone@127.0.0.1:{port}", {{ timeout = {timeout} }}))
  call:answer()
end
"""
TONE = AUDIO["tone"][0]
BEFORE, ANSWERED = "7900", "7901"
EITHER = pytest.mark.parametrize("exten", [BEFORE, ANSWERED], ids=["before the answer", "answered"])


@pytest.fixture
async def dialling(asterisk, gateways, phones, tmp_path):
    """Starts a gateway whose callers are put through to a phone of a scenario."""

    async def start(scenario, seconds):
        phone = await phones.answerer(scenario)
        script = tmp_path / "flow.lua"
        script.write_text(SCRIPT.format(port=phone.port, timeout=seconds))
        gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": [str(script)]})
        return gateway, phone

    yield start
    await nothing_left(asterisk)


@EITHER
async def test_a_caller_hears_what_is_said_instead_of_an_answer(asterisk, dialling, phones, tmp_path, exten):
    gateway, phone = await dialling("early_media_until_cancel", 4)
    async with listening(phones, tmp_path, asterisk.sip_port, exten) as (caller, ear):
        await until(lambda: ear.heard[TONE] > 10, what="the caller hears it")
        assert (await logged(gateway, "script.log"))["text"] == "noanswer"
        await phone.done()
        await caller.done()


@EITHER
async def test_the_two_talk_after_the_answer(asterisk, dialling, phones, tmp_path, exten):
    gateway, phone = await dialling("early_media_then_answer", 20)
    async with listening(phones, tmp_path, asterisk.sip_port, exten) as (caller, ear):
        await until(lambda: _all_up(asterisk), what="both are up, and in a bridge")
        heard = ear.heard[TONE]
        await until(lambda: ear.heard[TONE] > heard + 5, what="the caller hears the phone")
        [leg] = [channel for channel in await ari(asterisk, "/channels") if "-flow-" in channel["id"]]
        await past_the_gateway(asterisk, "DELETE", f"/channels/{leg['id']}")
        await caller.done()
    await phone.done()
    assert (await logged(gateway, "script.log"))["text"].startswith("answered\tPJSIP/loopback")


async def _all_up(asterisk):
    channels = await ari(asterisk, "/channels")
    bridges = await ari(asterisk, "/bridges")
    return [c["state"] for c in channels] == ["Up", "Up"] and [len(b["channels"]) for b in bridges] == [2]
