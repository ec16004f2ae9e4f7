"""`aribridge script test --asterisk`: the same tests in memory and against a real Asterisk, which agree."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aribridge.asterisk.instance import PrivateAsterisk

SCRIPT = """\
local PIN, PHONE = "1234", "Local/600@default/n"

local function knows_pin(call)
  for _, seconds in ipairs { 20, 2 } do
    if call:read { prompt = "sound:beep", max = #PIN, timeout = seconds } == PIN then return true end
    call:play("sound:beeperr")
  end
  return false
end

function accepts(call) return call.exten == "7001" end

function on_call(call)
  call:answer()
  call:set("WHO", call.caller.number)
  if not knows_pin(call) then call:hangup("busy") return end
  if call:dial(PHONE, { timeout = 20, ringing = false }) ~= "answered" then
    call:continue { context = "default", exten = "600", priority = 1 }
  end
end
"""
TESTS = """\
local function caller() return T.call{ exten = "7001", caller = { name = "Alice", number = "200" } } end
local function heard(call, count)
  local all = {}
  T.wait_until(function()
    for _, media in ipairs(call:heard()) do all[#all + 1] = media end
    return #all >= count
  end)
  return all
end

function test_the_right_pin()
  local call = caller()
  T.equal(heard(call, 1), { "sound:beep" })
  T.equal({ call:state(), call:variable("WHO") }, { "Up", "200" })
  call:press("1234")
  local phone
  assert(T.wait_until(function() phone = T.dialled()[1] return phone end), "the other phone is dialled")
  T.equal({ phone.endpoint, phone.caller_id }, { "Local/600@default/n", '"Alice" <200>' })
  ANSWER
  assert(T.wait_until(function() return call:talks_to()[1] == phone.id end), "they talk")
  call:hangup()
  assert(T.wait_until(function() return call:ended() end), "it is over")
  T.equal({ call:ended().outcome, call:ended().by }, { "hung up", "caller" })
  assert(T.wait_until(function() return not phone:state() end), "the other phone is gone")
end

function test_wrong_pins()
  local call = caller()
  heard(call, 1)
  call:press("9999")
  T.equal(heard(call, 2), { "sound:beeperr", "sound:beep" })
  assert(T.wait_until(function() return call:ended() end), "it is over")
  T.equal(call:ended(), { outcome = "hung up", where = "menu.lua:16", by = "script", cause = "busy" })
end

function test_the_phone_does_not_answer()
  local call = caller()
  heard(call, 1)
  T.ari("channels.originate", function() return T.error{ status = 500, detail = "no" } end)
  call:press("1234")
  assert(T.wait_until(function() return call:ended() end), "it is over")
  T.equal({ call:ended().outcome, call:ended().exten }, { "continued", "600" })
end
"""
OURS = ("ok   menu_test.lua: test_the_right_pin", "ok   menu_test.lua: test_wrong_pins")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "menu.lua").write_text(SCRIPT)
    return tmp_path


async def run_tests(folder: Path, answer: str, *options: str, tests: str = TESTS) -> tuple[int, list[str]]:
    """Run `aribridge script test`; ``answer`` is what answers a phone: exit code, lines."""
    (folder / "menu_test.lua").write_text(tests.replace("ANSWER", answer))
    words = (sys.executable, "-m", "aribridge", "script", "test", str(folder / "menu.lua"), *options)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, output.decode().splitlines()


def at(asterisk: PrivateAsterisk) -> tuple[str, ...]:
    options = {"asterisk": asterisk.ari_url, "user": asterisk.user, "app": asterisk.app}
    options["password-file"] = str(asterisk.password_file)
    return tuple(f"--{name}={value}" for name, value in options.items())


async def channels(asterisk: PrivateAsterisk) -> list[dict[str, object]]:
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{asterisk.ari_url}/channels") as response:
        return await response.json()


@pytest.fixture(params=["22", "16"])
async def own(request: pytest.FixtureRequest) -> AsyncIterator[PrivateAsterisk]:
    """One whose application nobody has had."""
    async with fresh_asterisk(request.param) as asterisk:
        yield asterisk


async def test_it_passes_in_memory_and_for_real(folder, own):
    wanted = [*OURS, "ok   menu_test.lua: test_the_phone_does_not_answer", "3 passed"]
    assert await run_tests(folder, "phone:answer()") == (0, wanted)
    assert await run_tests(folder, "", *at(own)) == (0, wanted)

    async def none_is_left():
        return await channels(own) == []

    await until(none_is_left, what="no channel is left")


async def test_a_call_that_goes_to_another_application_is_no_test(folder, own):
    test = """
    function test_a_call()
      local call = T.call{ exten = "7001" }
      call:hangup()
      T.wait_until(function() return call:ended() end)
    end
    """
    assert await run_tests(folder, "", *at(own), tests=test) == (0, ["ok   menu_test.lua: test_a_call", "1 passed"])
    code, lines = await run_tests(folder, "", *at(own), "--app=another", tests=test)
    assert code == 1
    assert "the call to 7001@default never came to the script: the dialplan sends it to" in lines[0]


async def test_an_application_that_a_gateway_has_is_not_taken(folder, gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22, app=asterisk22.app))
    code, lines = await run_tests(folder, "", *at(asterisk22))
    assert code == 1
    assert "has a client, a gateway probably" in lines[0]
    assert not any("ApplicationReplaced" in line or "link.down" in line for line in gateway.log)


async def test_what_cannot_be_reached_is_said(folder):
    code, lines = await run_tests(folder, "", "--asterisk=http://127.0.0.1:1/ari")
    assert code == 1
    assert "127.0.0.1:1" in lines[0]
    code, lines = await run_tests(folder, "", "--asterisk=nowhere")
    assert (code, lines[0][:38]) == (1, "No [[asterisk]] is called nowhere; the")
