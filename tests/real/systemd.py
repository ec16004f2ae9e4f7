"""A real systemd, first process of namespaces of its own, beside which this machine stays as it is.

What it and its services write to /etc, /var, /opt and /run goes into memory and is gone with it. They share the network
with the tests. There is this Python under /opt/python and, under /opt/aribridge, where the shipped unit has it, an
environment with this checkout in it: the interpreter's own place may be one that the unit hides.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from real.machine import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEMD = Path("/lib/systemd/systemd")
CGROUPS = Path("/sys/fs/cgroup")
SECONDS = 60.0
PATH = "/opt/aribridge/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIBRARIES = "/opt/python/lib"
"""Where the interpreter, if it is not the machine's own, has its shared library."""
_TARGETS = ("sysinit", "basic", "shutdown", "network-online", "multi-user", "default")
_BOOT = """set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs {layers}
for place in etc var; do
    mkdir {layers}/$place {layers}/$place.work
    mount -t overlay overlay -o lowerdir=/$place,upperdir={layers}/$place,workdir={layers}/$place.work /$place
done
for place in /opt /run /etc/systemd/system; do mount -t tmpfs tmpfs $place; done
mount -t proc proc /proc
{cgroups}
mkdir /opt/python /opt/packages /opt/checkout
mount --bind {python} /opt/python
mount --bind {packages} /opt/packages
mount --bind {checkout} /opt/checkout
/opt/python/bin/python3 -m venv --without-pip /opt/aribridge
printf '/opt/checkout\\n/opt/packages\\n' >"$(echo /opt/aribridge/lib/python3.*/site-packages)/checkout.pth"
printf '#!/opt/aribridge/bin/python\\nfrom aribridge.cli import main\\nmain()\\n' >/opt/aribridge/bin/aribridge
chmod 0755 /opt/aribridge/bin/aribridge
for target in {targets}; do
    printf '[Unit]\\nDescription=%s\\n' "$target" >"/etc/systemd/system/$target.target"
done
exec env -i container=tests PATH={path} SYSTEMD_UNIT_PATH=/etc/systemd/system \\
    {systemd} --system --show-status=no --log-target=console
"""
_ONE_HIERARCHY = "mount -t cgroup2 cgroup2 /sys/fs/cgroup"
_NAMED_HIERARCHY = """mount -t tmpfs tmpfs /sys/fs/cgroup
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd,xattr systemd /sys/fs/cgroup/systemd"""


class Machine:
    """What systemd runs."""

    def __init__(self, first: int) -> None:
        self._first = first

    def run(self, command: str) -> str:
        """Run a command line of a shell as root; what it printed. AssertionError when it fails."""
        done = self._run(command)
        assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, command: str) -> str:
        """Run a command line that is to fail; what it printed as an error."""
        done = self._run(command)
        assert done.returncode, f"{command} did not fail: {done.stdout}"
        return done.stderr

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --property={name} --value {unit}").strip()

    def write(self, path: str, text: str) -> None:
        self.run(f"mkdir -p {Path(path).parent} && printf %s {shlex.quote(text)} >{path}")

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        inside = ("nsenter", f"--target={self._first}", "--mount", "--pid", "--wd=/")
        return subprocess.run(
            (*inside, "env", "-i", f"PATH={PATH}", "sh", "-ec", command),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """A machine that has booted; `folder` is where the log of its systemd goes."""
    if os.geteuid():
        pytest.skip("only root can give systemd namespaces of its own")
    if not SYSTEMD.exists():
        pytest.fail("systemd is not on this machine: run scripts/test-setup programs")
    named = (CGROUPS / "systemd").is_dir()
    group = CGROUPS / ("systemd" if named else ".") / f"aribridge-test-{os.getpid()}"
    group.mkdir()
    try:
        with (folder / "systemd.log").open("wb") as log:
            process = subprocess.Popen(_command(folder, group, named=named), stdout=log, stderr=log)
        try:
            yield _await_boot(process, folder / "systemd.log")
        finally:
            process.kill()
            process.wait()
    finally:
        _remove(group)


def _command(folder: Path, group: Path, *, named: bool) -> tuple[str, ...]:
    layers = folder / "layers"
    layers.mkdir()
    boot = _BOOT.format(
        layers=layers,
        cgroups=_NAMED_HIERARCHY if named else _ONE_HIERARCHY,
        python=sys.base_prefix,
        packages=sysconfig.get_path("purelib"),
        checkout=ROOT,
        targets=" ".join(_TARGETS),
        path=PATH,
        systemd=SYSTEMD,
    )
    (folder / "boot.sh").write_text(boot)
    apart = "exec unshare --pid --fork --kill-child --mount --cgroup --ipc --uts"
    return "sh", "-ec", f"echo $$ >{group}/cgroup.procs; {apart} sh {folder}/boot.sh"


def _await_boot(process: subprocess.Popen[bytes], log: Path) -> Machine:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")
        children = psutil.Process(process.pid).children()
        if children and Path(children[0].exe()) == SYSTEMD.resolve():
            machine = Machine(children[0].pid)
            if machine._run("systemctl is-system-running --wait").returncode == 0:
                return machine
        time.sleep(0.05)
    raise AssertionError(f"systemd did not boot: {log.read_text(errors='replace')}")


def _remove(group: Path) -> None:
    """Remove the groups of who is gone; the kernel takes a moment to notice that they are."""
    deadline = time.monotonic() + SECONDS
    for folder in [*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group]:
        while True:
            try:
                folder.rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
