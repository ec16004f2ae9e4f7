"""`aribridge asterisk run` starts one, says where it is, and takes it along when it goes."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from aribridge.asterisk.install import install
from aribridge.cli.asterisk import asterisk

CLI = "from aribridge.cli.asterisk import asterisk; asterisk()"


@contextmanager
def running(folder: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-u", "-c", CLI, "run", "--folder", folder]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def read_until(process: subprocess.Popen[str], marker: str) -> str:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if marker in line:
            return text
    pytest.fail(f"it ended without {marker!r}: {text}")


def child(process: subprocess.Popen[str]) -> psutil.Process:
    (asterisk_process,) = psutil.Process(process.pid).children()
    return asterisk_process


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_run_prints_what_listens_where_and_leaves_nothing_running(ending: signal.Signals) -> None:
    with tempfile.TemporaryDirectory() as folder, running(folder) as process:
        printed = read_until(process, "Ctrl-C")
        its = child(process)
        password = (Path(folder) / "ari.password").read_text().strip()
        assert re.search(r"TCP  http://127\.0\.0\.1:\d+/ari", printed)
        assert password not in printed
        assert str(Path(folder) / "ari.password") in printed
        process.send_signal(ending)
        assert process.wait(20) == 0
        assert not its.is_running()


def test_run_says_so_when_asterisk_ends_by_itself() -> None:
    with tempfile.TemporaryDirectory() as folder, running(folder) as process:
        read_until(process, "Ctrl-C")
        child(process).kill()
        read_until(process, "ended by itself; its log is")
        assert process.wait(20) == 1


def test_the_machines_own_program_is_used_with_folders_of_our_own(tmp_path: Path) -> None:
    installation = install("22")
    root = Path(installation.command[-1]).parents[2]
    prefix = tmp_path / "usr"
    (prefix / "sbin").mkdir(parents=True)
    for name in ("lib", "share"):
        (prefix / name).symlink_to(root / "usr" / name)
    program = prefix / "sbin" / "asterisk"
    program.write_text(f'#!/bin/sh\nexec {" ".join(installation.command)} "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder, running(folder, PATH=path) as process:
        printed = read_until(process, "Ctrl-C")
        assert f"Asterisk 22.10.1 runs, from {program}" in printed.replace(installation.version_text, "22.10.1")
        assert folder in " ".join(child(process).cmdline())


def test_install_says_where_it_is() -> None:
    ran = CliRunner().invoke(asterisk, ["install", "--release", "16"])
    assert ran.exit_code == 0
    assert ran.output.startswith("Asterisk 16.")
