"""The audit log as a file: whole lines, put aside by day and size, removed after some days; an outage loses nothing."""

import errno
import json
import os
import re
import shutil
import stat
import subprocess
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from real.machine import ROOT
from structlog.testing import capture_logs

from aribridge.core.settings import AuditSettings
from aribridge.obs import audit, metrics
from aribridge.obs.audit.file import AuditFile

OPERATIONS = ROOT / "docs/operations.md"


@pytest.fixture
def state(tmp_path):
    yield tmp_path / "state"
    audit.stop()


def files(state):
    return sorted(path for path in (state / "audit").iterdir() if path.name != "audit.jsonl")


def lines(*paths):
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def written(state):
    """Every line, from the oldest on, of a log that has ended."""
    audit.stop()
    return lines(*files(state), state / "audit/audit.jsonl")


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_line(state, number):
    """Wait until it is written: a busy disk may take longer than the log waits at its end."""

    def is_there():
        with suppress(FileNotFoundError):  # it may just be put aside
            return f'"number":{number}'.encode() in (state / "audit/audit.jsonl").read_bytes()

    wait_for(is_there)


def failures():
    return metrics.REGISTRY.get_sample_value("aribridge_audit_failures_total")


def test_a_line_says_when_and_leaves_out_what_is_empty(state):
    audit.start(AuditSettings(), state)
    audit.note("command", "deny", op="channels.hangup", rule=None, on={}, roles=("agent",), uid=0)
    (line,) = written(state)
    at = datetime.fromisoformat(line.pop("time"))
    assert datetime.now(UTC) - at < timedelta(seconds=60)
    assert at.utcoffset() == timedelta(0)
    assert line == {"kind": "command", "effect": "deny", "op": "channels.hangup", "roles": ["agent"], "uid": 0}


def test_only_the_owner_may_read_it(state):
    before = os.umask(0)
    try:
        audit.start(AuditSettings(), state)
        audit.note("gateway", "allow")
        written(state)
    finally:
        os.umask(before)
    assert stat.S_IMODE((state / "audit").stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "audit/audit.jsonl").stat().st_mode) == 0o600


def test_secrets_are_taken_out(state):
    audit.start(AuditSettings(), state)
    audit.note("command", "allow", reason="Bearer Zq9hunter2", endpoint="PJSIP/200/sip:bob:Zq9hunter2@pbx", token="Zq9")
    assert "Zq9" not in json.dumps(written(state))


class Odd(str):
    """Not quite a text."""


def test_whatever_is_noted_no_line_is_the_end_of_the_others(state):
    audit.start(AuditSettings(), state)
    for value in (object(), {"a"}, Path("/a"), {"k": Odd("x")}, "\ud800", float("inf"), "last"):
        audit.note("gateway", "allow", value=value)
        wait_for(lambda: audit.report()["fault"] is None)
    told = [line["value"] for line in written(state)]
    assert told[1:] == [["a"], "/a", {"k": "x"}, "\ud800", None, "last"]


def test_nothing_is_written_where_it_is_off(state):
    audit.start(AuditSettings(enabled=False), state)
    audit.note("gateway", "allow")
    assert not audit.wants(read=False)
    audit.stop()
    assert not state.exists()


def test_a_new_file_begins_at_the_size(state):
    audit.start(AuditSettings(file_mb=1), state)
    for number in range(3000):
        audit.note("command", "allow", number=number, text="x" * 900)
    wait_for_line(state, 2999)
    numbers = [line["number"] for line in written(state)]
    assert numbers == list(range(3000))
    assert len(files(state)) >= 2
    assert all(file.stat().st_size <= 1 << 20 for file in (*files(state), state / "audit/audit.jsonl"))
    # Lines come together as the disk lets them, half a megabyte at most.
    assert all(file.stat().st_size > 1 << 19 for file in files(state))
    assert {stat.S_IMODE(file.stat().st_mode) for file in files(state)} == {0o600}


def test_the_oldest_go_when_all_of_them_are_too_much(state):
    audit.start(AuditSettings(file_mb=1, total_mb=3), state)
    for number in range(6000):
        audit.note("command", "allow", number=number, text="x" * 900)
    wait_for_line(state, 5999)
    with capture_logs() as logs:
        left = written(state)
    assert left[-1]["number"] == 5999
    assert left[0]["number"] > 1000
    assert sum(file.stat().st_size for file in (state / "audit").iterdir()) <= 3 << 20
    assert not any(entry["event"] == "audit.lost" for entry in logs)


def test_yesterdays_file_is_put_aside_and_what_is_too_old_is_removed(state):
    folder = state / "audit"
    folder.mkdir(parents=True)
    yesterday, long_ago = time.time() - 86_400, time.time() - 8 * 86_400
    old, others = folder / "audit-20200101T000000.000000Z.jsonl", folder / "audit-notes.jsonl"
    for path, at in ((folder / "audit.jsonl", yesterday), (old, long_ago), (others, long_ago)):
        path.write_text('{"kind":"gateway"}\n')
        os.utime(path, (at, at))
    audit.start(AuditSettings(days=7), state)
    audit.note("gateway", "allow", operation="start")
    audit.stop()
    assert not old.exists()
    assert others.exists()
    assert [line.get("operation") for line in lines(folder / "audit.jsonl")] == ["start"]
    (aside,) = (path for path in files(state) if path != others)
    assert lines(aside) == [{"kind": "gateway"}]


def test_what_is_to_be_kept_for_ever_is(state):
    (state / "audit").mkdir(parents=True)
    aside = state / "audit/audit-20010101T000000.000000Z.jsonl"
    aside.touch()
    os.utime(aside, (0, 0))
    audit.start(AuditSettings(days=999_999), state)
    audit.note("gateway", "allow", number=0)
    assert [line["number"] for line in written(state)] == [0]
    assert files(state) == [aside]


def test_what_is_alike_is_one_line_a_minute_with_its_count(state):
    audit.start(AuditSettings(), state)
    for number in range(100):
        audit.note("login", "deny", fold="a", address="192.0.2.1", number=number)
        audit.note("login", "deny", fold="b", address="192.0.2.2")
    told = written(state)
    assert [(line["address"], line.get("count")) for line in told] == [
        ("192.0.2.1", None),
        ("192.0.2.2", None),
        ("192.0.2.1", 99),
        ("192.0.2.2", 99),
    ]
    assert (told[0]["number"], told[2]["number"]) == (0, 99)


def test_a_folder_that_is_gone_is_said_once_and_loses_nothing_when_it_is_back(state):
    audit.start(AuditSettings(), state)
    audit.note("gateway", "allow", number=0)
    wait_for((state / "audit/audit.jsonl").read_bytes)
    before = failures()
    with capture_logs() as logs:
        (state / "audit").rename(state / "elsewhere")
        for number in range(1, 4):
            audit.note("gateway", "allow", number=number)
        wait_for(lambda: failures() >= before + 2)
        assert "No such file" in audit.report()["fault"]
        (state / "elsewhere").rename(state / "audit")
        wait_for(lambda: audit.report()["fault"] is None)
    assert [entry["event"] for entry in logs] == ["audit.failed", "audit.written_again"]
    assert [line["number"] for line in written(state)] == [0, 1, 2, 3]


def test_a_pipe_in_the_place_of_the_file_holds_up_nobody(state):
    """It would be opened once somebody reads there, which nobody may ever do."""
    state.mkdir()
    pipe = state / "audit.jsonl"
    os.mkfifo(pipe)
    starting = threading.Thread(target=audit.start, args=(AuditSettings(file=str(pipe)), state), daemon=True)
    starting.start()
    starting.join(10)
    assert not starting.is_alive()
    assert audit.report()["fault"] == f"{pipe}: {os.strerror(errno.ENXIO)}"
    audit.note("gateway", "allow", number=0)
    pipe.unlink()
    wait_for(lambda: audit.report()["fault"] is None)
    audit.stop()
    assert [line["number"] for line in lines(pipe)] == [0]


def test_a_file_that_somebody_removes_is_made_anew(state):
    audit.start(AuditSettings(), state)
    audit.note("gateway", "allow", number=0)
    file = state / "audit/audit.jsonl"
    wait_for(file.read_bytes)
    file.unlink()
    audit.note("gateway", "allow", number=1)
    assert [line["number"] for line in written(state)] == [1]


def test_what_finds_no_room_in_a_long_outage_is_counted_and_told(state):
    audit.start(AuditSettings(), state)
    audit.note("gateway", "allow", number=0)
    wait_for((state / "audit/audit.jsonl").read_bytes)
    (state / "audit").rename(state / "elsewhere")
    audit.note("gateway", "allow", number=1)
    wait_for(lambda: audit.report()["fault"] is not None)
    for number in range(2, 12_002):
        audit.note("gateway", "allow", number=number)
    (state / "elsewhere").rename(state / "audit")
    wait_for_line(state, 10_001)
    told = written(state)
    lost = sum(line["lines"] for line in told if line["kind"] == "lost")
    assert lost == 2000
    assert [line["number"] for line in told if line["kind"] == "gateway"] == list(range(12_002 - lost))


COMMANDS = re.search(r"## Who did what\?.*?```sh\ncd [^\n]+\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)[
    1
].splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_pages_commands_find_what_they_are_to_find(state, command):
    if command.startswith("jq") and shutil.which("jq") is None:
        pytest.skip("no jq on this machine")
    who = {"sub": "alice", "address": "192.0.2.1"}
    on = {"channels": ["1724.7"]}
    audit.start(AuditSettings(), state)
    audit.note("command", "deny", **who, op="channels.hangup", on=on, rule="no rule", outcome="not_applied")
    audit.note("command", "allow", by="script", op="channels.answer", on=on, outcome="applied")
    audit.note("refusal", "deny", **who, error="bad_message")
    audit.stop()
    found = subprocess.run(command, shell=True, cwd=state / "audit", check=True, capture_output=True, text=True).stdout
    assert "alice" in found or '"refused": 2' in found
    assert ("channels.answer" in found) == command.startswith("grep")


def test_a_full_disk_holds_up_nobody_and_is_said_at_the_end(state):
    began, before = time.monotonic(), failures()
    with capture_logs() as logs:
        audit.start(AuditSettings(file="/dev/full"), state)
        audit.note("gateway", "allow")
        wait_for(lambda: failures() > before)
        audit.stop()
    assert "No space left" in next(entry["error"] for entry in logs if entry["event"] == "audit.failed")
    assert [entry["lines"] for entry in logs if entry["event"] == "audit.lost"] == [1]
    assert time.monotonic() - began < 10


def test_half_a_line_does_not_stay_where_the_disk_is_full(tmp_path, monkeypatch):
    log, write = AuditFile(tmp_path / "audit.jsonl", 1 << 20, 1 << 20, 1), os.write
    log.open()
    log.write(b'{"n":1}\n')
    monkeypatch.setattr(os, "write", lambda descriptor, text: write(descriptor, text[:4]))
    with pytest.raises(OSError, match="No space left"):
        log.write(b'{"n":2}\n')
    monkeypatch.undo()
    log.write(b'{"n":3}\n')
    log.close()
    assert lines(tmp_path / "audit.jsonl") == [{"n": 1}, {"n": 3}]


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("precious\n")
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
    log = AuditFile(tmp_path / "audit.jsonl", 1 << 20, 1 << 20, 1)
    with pytest.raises(OSError, match="symbolic links"):
        log.open()
    assert (tmp_path / "elsewhere").read_text() == "precious\n"
