"""The unit in conf/systemd."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from real.machine import free_port

from aribridge.cli import main

UNIT = Path(__file__).parents[2] / "conf" / "systemd" / "aribridge.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on this machine")
def test_systemd_understands_every_line_of_the_unit(tmp_path):
    unit = tmp_path / "aribridge.service"
    unit.write_text(UNIT.read_text().replace("/opt/aribridge/bin", str(Path(sys.executable).parent)))
    told = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=30)
    assert [line for line in told.stderr.splitlines() if "aribridge" in line] == []


def service(*arguments):
    return CliRunner().invoke(main, ["service", *arguments])


def test_the_unit_is_for_this_installation(tmp_path):
    printed = service("install", "--print", "-c", str(tmp_path / "own.toml"), "--user", "pbx")
    assert printed.exit_code == 0
    lines = printed.output.splitlines()
    program = Path(sys.executable).with_name("aribridge")
    assert f"ExecStart={program} run -c {tmp_path / 'own.toml'}" in lines
    assert f"ExecStartPre={program} check -c {tmp_path / 'own.toml'}" in lines
    assert {"Type=notify", "WatchdogSec=30", "User=pbx", "Group=pbx", "NoNewPrivileges=yes"} <= set(lines)
    assert "/opt/aribridge" not in printed.output


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on this machine")
def test_systemd_reads_any_path_as_it_is(tmp_path):
    printed = service("install", "--print", "-c", '/srv/call centre/100%/"$HOME"/own.toml')
    program = Path(sys.executable).with_name("aribridge")
    assert f'ExecStart={program} run -c "/srv/call centre/100%%/\\"$$HOME\\"/own.toml"' in printed.output.splitlines()
    unit = tmp_path / "aribridge.service"
    unit.write_text(printed.output)
    told = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=30)
    assert [line for line in told.stderr.splitlines() if "aribridge" in line] == []


def test_a_unit_is_written_and_removed(tmp_path):
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs this machine: its units are left alone")
    said = service("install", "--folder", str(tmp_path), "--user", "root")
    assert said.exit_code == 0, said.output
    assert "User=root\n" in (tmp_path / "aribridge.service").read_text()
    assert "rm " in service("remove", "--folder", str(tmp_path), "--print").output
    assert (tmp_path / "aribridge.service").exists()
    assert service("remove", "--folder", str(tmp_path)).exit_code == 0
    assert not (tmp_path / "aribridge.service").exists()
    assert "nothing to remove" in service("remove", "--folder", str(tmp_path)).output


def test_what_keeps_it_from_being_written_is_told(tmp_path):
    said = service("install", "--folder", str(tmp_path), "--user", "nobody-of-this-name")
    assert (said.exit_code, "useradd --system" in said.output) == (1, True)
    said = service("install", "--folder", str(tmp_path / "none"), "--user", "root")
    assert (said.exit_code, "Run this as root" in said.output) == (1, True)


class FakeNotifySocket:
    """What systemd would listen on: there is none in the place where tests run."""

    def __init__(self, path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def until(self, state):
        """Read on until a state is told; return those before it."""
        before = []
        while (told := self._socket.recv(100).decode()) != state:
            before.append(told)
        return before


def test_systemd_is_told_of_the_start_the_life_and_the_stop(tmp_path):
    for name in ("password", "signing.key"):
        (tmp_path / name).write_text("s" * 40)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "aribridge.toml").write_text(
        f'state = "{tmp_path}/state"\n[server]\nlisten = "127.0.0.1:{free_port()}"\nadmin = "127.0.0.1:{free_port()}"\n'
        f'[[asterisk]]\nurl = "http://127.0.0.1:{free_port()}/ari"\npassword_file = "password"\n'
        '[[auth.jwt]]\nkey_file = "signing.key"\n'
    )
    with FakeNotifySocket(tmp_path / "notify") as systemd:
        told = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "200000"}
        program = [sys.executable, "-m", "aribridge", "run", "-c", "aribridge.toml"]
        process = subprocess.Popen(
            program, cwd=tmp_path, env=os.environ | told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            assert not set(systemd.until("READY=1")) - {"WATCHDOG=1"}
            for _ in range(3):
                systemd.until("WATCHDOG=1")
            process.send_signal(signal.SIGTERM)
            assert not set(systemd.until("STOPPING=1")) - {"WATCHDOG=1"}
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
