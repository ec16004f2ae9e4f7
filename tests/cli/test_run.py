"""`aribridge run`, as a user starts and stops it; with a real Asterisk in tests/e2e/test_dev_run.py."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from real.machine import free_port

from aribridge.auth import Authenticator
from aribridge.core.settings import AuthSettings, JwtSettings

COMMAND = str(Path(sys.executable).with_name("aribridge"))
DEADLINE = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration for an Asterisk that is not there."""
    for name in ("password", "signing.key"):
        (tmp_path / name).write_text("s" * 40)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "aribridge.toml").write_text(
        f'state = "state"\n[server]\nlisten = "127.0.0.1:{free_port()}"\nadmin = "127.0.0.1:{free_port()}"\n'
        f'[[asterisk]]\nurl = "http://127.0.0.1:{free_port()}/ari"\npassword_file = "password"\n'
        '[[auth.jwt]]\nkey_file = "signing.key"\n'
    )
    return tmp_path


@contextmanager
def running(folder: Path, *arguments: str):
    """The command, once it has said that Ctrl-C stops it. Its output and log are in files of the folder."""
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen([COMMAND, "run", *arguments], cwd=folder, stdout=out, stderr=err)
    try:
        deadline = time.monotonic() + DEADLINE
        while "Ctrl-C" not in (folder / "out").read_text():
            assert process.poll() is None, (folder / "err").read_text()
            assert time.monotonic() < deadline, (folder / "err").read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def once(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [COMMAND, "run", *arguments], cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def admin_address(folder: Path) -> str:
    found = re.search(r'admin = "(.*)"', (folder / "aribridge.toml").read_text())
    assert found
    return found[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_until_it_is_told_to_stop(folder, number):
    with running(folder) as process:
        output = (folder / "out").read_text()
        for said in ("server.listen", "webrtc.udp", "server.admin", "Asterisk pbx", "stock:main.lua", "standard error"):
            assert said in output
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(f"http://{admin_address(folder)}/readyz", timeout=DEADLINE)
        assert answer.value.code == 503
        assert "pbx" in answer.value.read().decode()
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0
    assert "token" not in output
    assert "Traceback" not in (folder / "err").read_text()


def test_the_log_goes_to_standard_error_as_json_where_no_terminal_is(folder):
    with running(folder) as process:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
    events = [json.loads(line)["event"] for line in (folder / "err").read_text().splitlines()]
    assert "gateway.started" in events
    assert events[-1] == "gateway.stopped"


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=DEADLINE)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_runs_with_standard_descriptors_closed(folder, closed):
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(["sh", "-c", f"exec {COMMAND} run {closed}"], cwd=folder, stdout=out)
    try:
        deadline = time.monotonic() + DEADLINE
        while not answers(f"http://{admin_address(folder)}/readyz"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        opened = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
        assert opened[2] == "/dev/null"
        assert not [name for name in opened if name.startswith(("socket:", "anon_inode:"))]
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
    if ">&- 2" not in closed:
        assert "Standard error is closed: nothing is logged." in (folder / "out").read_text()


def test_what_is_wrong_is_told_on_standard_output_where_standard_error_is_closed(folder):
    command = f"exec {COMMAND} run --set scripts.files.0=missing.lua 2>&-"
    ended = subprocess.run(["sh", "-c", command], cwd=folder, stdout=subprocess.PIPE, timeout=DEADLINE, check=False)
    assert ended.returncode == 1
    assert b"missing.lua" in ended.stdout


def test_a_development_run_prints_a_link_that_signs_in(folder):
    (folder / ".aribridge").mkdir()
    (folder / ".aribridge" / "dev.key").write_text("of an earlier run, which browsers may still have tokens of")
    (folder / ".aribridge" / "dev.key").chmod(0o600)
    with running(folder, "--dev") as process:
        output = (folder / "out").read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
    key = folder / ".aribridge" / "dev.key"
    token = re.search(r"http://127\.0\.0\.1:\d+/#token=(\S+)", output)[1]
    developer = Authenticator(AuthSettings(jwt=[JwtSettings(key_file=str(key))])).bearer(token)
    assert developer.may("channels.originate")
    assert token not in (folder / "err").read_text()


def test_a_development_run_is_for_this_machine_alone(folder):
    ended = once(folder, "--dev", "--set", "server.listen=0.0.0.0:8188")
    assert ended.returncode == 1
    assert ended.stderr.startswith("server.listen: 0.0.0.0 can be reached from other machines")


@pytest.mark.parametrize(("mode", "key"), [(["--dev"], "server.listen"), ([], "server.admin")])
def test_a_taken_port_is_told_with_its_holder_and_key(folder, mode, key):
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        ended = once(folder, *mode, "--set", f"{key}=127.0.0.1:{port}")
    assert ended.returncode == 3
    assert f"TCP port {port} is taken by" in ended.stderr
    assert f"(process {os.getpid()})" in ended.stderr
    assert f"--set {key}=" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_udp_port_is_told(folder):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        ended = once(folder, "--dev", "--set", f"webrtc.udp={port}")
    assert ended.returncode == 3
    assert f"UDP port {port} is taken by" in ended.stderr
    assert f"(process {os.getpid()})" in ended.stderr


def test_a_script_that_does_not_parse_keeps_it_from_starting(folder):
    (folder / "bad.lua").write_text("function (\n")
    ended = once(folder, "--set", "scripts.files.0=bad.lua")
    assert ended.returncode == 3
    assert "bad.lua:1:" in ended.stderr
    assert "Traceback" not in ended.stderr
