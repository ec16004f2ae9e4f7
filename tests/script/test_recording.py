"""Recordings: what is left out of them, what they are bounded by, and how tests replay them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aribridge.protocol.problems import Problem
from aribridge.script import ScriptLoadError
from aribridge.script.recording import Recorder, Tap, Tape, read_recording
from aribridge.script.recording import recorder as module
from aribridge.script.testing import Result, Suite, run_suite

SECRETS = ("4711", "hush", "eyJhbGciOi", "s3cret")


async def read(tape: Tape) -> list[dict[str, Any]]:
    tape.end()
    return [json.loads(line) async for line in tape.lines()]


def channel(ident: str) -> dict[str, Any]:
    return {"id": ident, "name": f"PJSIP/{ident}", "state": "Up", "channelvars": {"PIN": "4711"}}


async def test_no_secret_is_in_a_recording():
    tape = Tape("s.lua", everything=True, apart_from=())
    tape.event("pbx", {"type": "ChannelDtmfReceived", "digit": "4", "channel": channel("1.1")})
    tape.event("pbx", {"type": "ChannelVarset", "variable": "PIN", "value": "4711", "channel": channel("1.1")})
    tape.event("pbx", {"type": "ChannelUserevent", "eventname": "x", "userevent": {"pin": "4711"}})
    tape.event("pbx", {"type": "PlaybackStarted", "playback": {"id": "p", "media_uri": "digits:4711"}})
    commands = [
        ("channels.setChannelVar", {"channelId": "1.1", "variable": "X", "value": "hush"}, None),
        ("channels.getChannelVar", {"channelId": "1.1", "variable": "X"}, {"value": "hush"}),
        ("channels.originate", {"endpoint": "PJSIP/1", "variables": {"X": "hush"}}, {"id": "1.2"}),
        ("channels.sendDTMF", {"channelId": "1.1", "dtmf": "4711"}, None),
        ("channels.play", {"channelId": "1.1", "media": ["sound:a", "digits:4711", "characters:hush"]}, {"id": "p"}),
        ("GET /x?api_key=s3cret", {"query": {"token": "eyJhbGciOiJIUzI1NiJ9.e30.x"}}, {"password": "s3cret"}),
    ]
    for op, params, body in commands:
        tape.answer(tape.command(None, op, params), op, body)
    tape.refusal(1, Problem("timeout", "http://u:s3cret@host did not answer"))
    lines = await read(tape)
    text = json.dumps(lines)
    assert len(lines) == 1 + 4 + 2 * len(commands) + 1
    assert [secret for secret in SECRETS if secret in text] == []
    assert lines[1]["event"]["digit"] == "x"
    assert lines[9]["params"] == {"endpoint": "PJSIP/1", "variables": {"X": "[redacted]"}}
    assert lines[13]["params"]["media"] == ["sound:a", "digits:[redacted]", "characters:[redacted]"]
    assert lines[0].keys() == {"format", "script", "recorded", "aribridge"}


class Asterisk:
    """Answers everything by its name."""

    async def call(self, target, op, params):
        if op == "channels.hangup":
            raise Problem("asterisk_error", "gone", status=404, source="asterisk")
        return {"did": op}

    def own(self, target, channel, script):
        pass


async def test_a_tape_has_its_script_and_its_calls_alone():
    recorder = Recorder()
    mine, others = Tap(Asterisk(), "mine.lua", recorder), Tap(Asterisk(), "others.lua", recorder)
    tape = Tape("mine.lua", everything=False, apart_from={"1.0"})
    with recorder.run(tape):
        mine.own("pbx", "1.1", "mine.lua")
        others.own("pbx", "1.9", "others.lua")
        for ident in ("1.1", "1.9"):
            recorder.event("pbx", {"type": "StasisStart", "channel": {"id": ident}})
        await mine.call("pbx", "channels.answer", {"channelId": "1.1"})
        await mine.call("pbx", "channels.answer", {"channelId": "1.0"})
        await others.call("pbx", "channels.answer", {"channelId": "1.9"})
        await mine.call("pbx", "channels.originate", {"channelId": "leg"})
        recorder.event("pbx", {"type": "StasisStart", "channel": {"id": "leg"}})
        with pytest.raises(Problem):
            await mine.call("pbx", "channels.hangup", {"channelId": "1.1"})
    await mine.call("pbx", "channels.answer", {"channelId": "1.1"})
    _, *lines = await read(tape)
    assert [line.get("op") or line.get("answer") or line["event"]["channel"]["id"] for line in lines] == [
        *("1.1", "channels.answer", 1, "channels.originate", 2, "leg", "channels.hangup", 3),
    ]
    assert lines[2]["body"] == {"did": "channels.answer"}
    assert lines[-1]["error"]["status"] == 404


async def test_a_tape_that_nobody_reads_is_bounded_and_says_so(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 5)
    tape = Tape("s.lua", everything=True, apart_from=())
    for _ in range(20):
        tape.event("pbx", {"type": "A"})
    lines = [json.loads(line) async for line in tape.lines()]
    assert len(lines) == 5
    assert lines[-1]["end"] == "lines came faster than they were read"


async def test_lines_come_as_they_are_written():
    tape = Tape("s.lua", everything=True, apart_from=())
    lines = tape.lines()
    await anext(lines)
    waiting = asyncio.create_task(anext(lines))
    await asyncio.sleep(0)
    assert not waiting.done()
    tape.event("pbx", {"type": "A"})
    assert json.loads(await waiting)["event"] == {"type": "A"}
    tape.end()
    assert [line async for line in lines] == []


SCRIPT = """
local ari = require "ari"
function on_call(call)
  call:answer()
  local digits = call:read{prompt = "sound:pin", max = 2, timeout = 3}
  if digits == "12" then return call:continue{exten = "1"} end
  local made = ari.channels.originate{endpoint = "PJSIP/1"}
  ari.channels.ring{channelId = made.id}
  call:hangup("busy")
end"""
FLOW = "aribridge-01234567-flow-0123456789abcdef"
PROMPT = f"{FLOW}-p1"
MADE = "aribridge-01234567-9"


def caller(kind: str, **more: Any) -> dict[str, Any]:
    return {"event": {"type": kind, "channel": {"id": "1.1", "name": "PJSIP/1", "state": "Ring"}, **more}}


def playback(kind: str, state: str) -> dict[str, Any]:
    about = {"id": PROMPT, "media_uri": "sound:pin", "state": state, "target_uri": "channel:1.1"}
    return {"event": {"type": kind, "playback": about}}


def command(number: int, op: str, **params: Any) -> dict[str, Any]:
    return {"command": number, "op": f"channels.{op}", "params": {"channelId": "1.1", **params}}


BEGINNING = [
    (0.0, caller("StasisStart", args=[])),
    (0.01, command(1, "answer")),
    (0.02, {"answer": 1, "body": None}),
    (0.03, command(2, "playWithId", playbackId=PROMPT, media=["sound:pin"])),
    (0.04, playback("PlaybackStarted", "playing")),
    (0.05, {"answer": 2, "body": {"id": PROMPT}}),
    (2.0, playback("PlaybackFinished", "done")),
]
RIGHT = [
    *BEGINNING,
    (3.0, caller("ChannelDtmfReceived", digit="x")),
    (4.0, caller("ChannelDtmfReceived", digit="x")),
    (4.01, command(3, "continueInDialplan", extension="1")),
    (4.02, caller("StasisEnd")),
    (4.03, {"answer": 3, "body": None}),
]
NOBODY = [
    *BEGINNING,
    (5.01, {"command": 3, "op": "channels.originate", "params": {"endpoint": "PJSIP/1"}}),
    (5.02, {"answer": 3, "body": {"id": MADE}}),
    (5.03, {"command": 4, "op": "channels.ring", "params": {"channelId": MADE}}),
    (5.04, {"answer": 4, "error": {"status": 409, "code": "asterisk_error", "detail": "no", "source": "asterisk"}}),
]

Tried = Callable[..., list[Result]]


@pytest.fixture
def tried(tmp_path: Path) -> Tried:
    """Replay lines to a script."""

    def run(lines: list[tuple[float, dict[str, Any]]], tests: str, script: str = SCRIPT) -> list[Result]:
        header = {"format": 1, "script": "s.lua", "recorded": "2026-11-27T08:15:00+01:00", "aribridge": "0"}
        texts = [json.dumps(line) for line in (header, *({"at": at, "target": "pbx", **line} for at, line in lines))]
        (tmp_path / "r.jsonl").write_text("\n".join(texts) + "\n")
        suite = Suite(tmp_path / "s.lua", tmp_path / "s_test.lua")
        suite.script.write_text(script)
        suite.tests.write_text(tests)
        return list(run_suite(suite))

    return run


def failure(results: list[Result]) -> str:
    (result,) = results
    return result.failure


AS_RECORDED = 'function test_it() T.replay("r.jsonl", {digits = "12"}):finish() end'


def test_a_script_that_does_what_it_did_passes(tried):
    tests = """
        function test_all()
          local recording = T.replay("r.jsonl", {digits = "12"})
          T.advance(100)
          T.equal(#T.calls(), 2)
          local call = recording:finish()[1]
          T.equal({call.id, call:heard(), call:ended().exten}, {"1.1", {"sound:pin"}, "1"})
          T.equal(os, os)
        end"""
    assert failure(tried(RIGHT, tests)) == ""


def test_ids_that_the_gateway_chose_may_differ_and_errors_are_as_they_were(tried):
    tests = """
        function test_it()
          T.replay("r.jsonl"):finish()
          T.equal(#T.errors(), 1)
        end"""
    lines = [*NOBODY, (5.05, command(5, "setChannelVar", variable="ARIBRIDGE_RESULT", value="[redacted]"))]
    lines += [(5.06, {"answer": 5, "body": None}), (5.07, command(6, "continueInDialplan")), (5.08, {"answer": 6})]
    assert failure(tried(lines, tests)) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("sound:pin", "sound:other"), "r.jsonl has no channels.playWithId {"),
        (("sound:pin", "sound:other"), "what comes next, in line 5, is channels.playWithId {"),
        (("call:answer()", ""), "r.jsonl:3: the script does not send channels.answer"),
        (
            ('exten = "1"', 'exten = "2"'),
            'r.jsonl has no channels.continueInDialplan {"channelId":"1.1","extension":"2"}',
        ),
        (("return call:continue", "call:answer() return call:continue"), "r.jsonl has no channels.answer"),
        (("max = 2", "max = 3"), "r.jsonl:11: the script does not send channels.continueInDialplan"),
    ],
)
def test_a_script_that_does_something_else_is_told_where(tried, change, said):
    assert said in " ".join(result.failure for result in tried(RIGHT, AS_RECORDED, SCRIPT.replace(*change)))


def test_the_time_of_day_is_that_of_the_recording(tried):
    script = """local bridge = require "bridge"
        function on_event(event) bridge.log(os.date("!%H:%M:%S")) end"""
    tests = """
        function test_it()
          T.replay("r.jsonl"):finish()
          T.equal(T.logs()[2].text, "07:16:30")
        end"""
    assert failure(tried([(0, caller("A")), (90.5, caller("A"))], tests, script)) == ""


def test_without_its_digits_a_recording_says_what_is_missing(tried):
    said = failure(tried(RIGHT, 'function test_it() T.replay("r.jsonl", {digits = "1"}):finish() end'))
    assert 'leaves digits out: T.replay(file, {digits = "1234"}) gives what was pressed' in said


def test_a_test_that_does_not_wait_for_the_end_is_told_of_what_differs(tried):
    changed = SCRIPT.replace("call:answer()", "")
    said = failure(tried(RIGHT, 'function test_it() T.replay("r.jsonl") T.advance(60000) end', changed))
    assert "the script does not send channels.answer" in said


def test_the_tests_own_answers_come_first(tried):
    script = """local ari = require "ari"
        function on_message() return ari.channels.getChannelVar{channelId = "1", variable = "X"}.value end"""
    recorded = [(0.1, command(1, "getChannelVar", variable="X")), (0.2, {"answer": 1, "body": {"value": "[redacted]"}})]
    tests = """
        function test_it()
          T.replay("r.jsonl")
          T.ari("channels.getChannelVar", function() return {value = "mine"} end)
          T.equal(T.message(T.conn(), 1), "mine")
        end"""
    assert failure(tried(recorded, tests, script)) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "r.jsonl:1: no line of a recording"),
        ('{"format": 2, "script": "s", "recorded": "2026-11-27T08:15:00Z"}', "r.jsonl:1: format 2; this version"),
        ('{"format": 1, "script": "s", "recorded": "2026-11-27T08:15:00Z"}\nx', "r.jsonl:2: no line of a recording"),
        (
            '{"format": 1, "script": "s", "recorded": "2026-11-27T08:15:00Z"}\n{"at": 1, "end": "too slow"}',
            "r.jsonl:2: the recording is not whole: too slow",
        ),
    ],
)
def test_files_that_are_no_recordings(tmp_path, text, said):
    (tmp_path / "r.jsonl").write_text(text)
    with pytest.raises(ScriptLoadError, match=re.escape(said)):
        read_recording(tmp_path / "r.jsonl")
