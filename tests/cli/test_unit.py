"""The gateway as a service of a real systemd, under every restriction of the shipped unit."""

from __future__ import annotations

import asyncio
import re
import resource
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
from real import systemd, wsclient
from real.machine import free_port
from real.wait import until
from test_systemd import UNIT
from transport.webrtc_parts import Client as RtcClient

from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = "function on_message(_, data) return { from_lua = data } end\nfunction on_command(_, cmd) return cmd end\n"
MOST_EXPOSED = 2.0
"""What `systemd-analyze security` may give: 0 is locked in, 10 is bare. Sockets and users' data are most of it."""


class Service:
    """The gateway as `systemctl start aribridge` runs it."""

    def __init__(self, machine: systemd.Machine, port: int, log: Path) -> None:
        self.machine, self.port, self._log = machine, port, log

    @property
    def pid(self) -> int:
        return int(self.machine.show("aribridge", "MainPID"))

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def token(self) -> str:
        issue = "aribridge token issue -c /etc/aribridge/aribridge.toml --sub alice --ops '*'"
        return self.machine.run(issue).strip()

    def status(self, field: str) -> str:
        """A line of the process's /proc/<pid>/status."""
        return self.machine.run(f"sed -n 's/^{field}:[[:space:]]*//p' /proc/{self.pid}/status").strip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[systemd.Machine]:
    with systemd.booted(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture(scope="module")
def service(machine: systemd.Machine, asterisk22: PrivateAsterisk, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Installed by the commands at the top of the unit; the test's ports and Asterisk come by its environment."""
    port, log = free_port(), tmp_path_factory.mktemp("service") / "aribridge.log"
    for line in _documented_commands():
        machine.run(line.replace("http://127.0.0.1:8088/ari", asterisk22.ari_url))
        if line.startswith("aribridge init"):
            machine.write("/etc/aribridge/asterisk.password", asterisk22.password)
            machine.write("/etc/aribridge/hooks.lua", SCRIPT)
            machine.write("/etc/systemd/system/aribridge.service.d/tests.conf", _drop_in(asterisk22, port, log))
    return Service(machine, port, log)


def _documented_commands() -> list[str]:
    return re.findall(r"(?m)^#   (.+)$", UNIT.read_text())


def _drop_in(asterisk: PrivateAsterisk, port: int, log: Path) -> str:
    environment = {
        "SERVER__LISTEN": f"127.0.0.1:{port}",
        "SERVER__ADMIN": f"127.0.0.1:{free_port()}",
        "ASTERISK__0__USER": asterisk.user,
        "ASTERISK__0__APP": "under-systemd",
        "SCRIPTS__FILES": '["/etc/aribridge/hooks.lua"]',
    }
    lines = [f"Environment='ARIBRIDGE_{name}={value}'" for name, value in environment.items()]
    lines.append(f"Environment=LD_LIBRARY_PATH={systemd.LIBRARIES}")
    return "\n".join(["[Service]", *lines, f"StandardOutput=append:{log}", f"StandardError=append:{log}\n"])


def test_it_is_started_by_the_documented_commands(service: Service) -> None:
    assert len(_documented_commands()) == 5
    assert service.machine.show("aribridge", "ActiveState") == "active"  # Type=notify: it has said that it listens
    assert service.machine.show("aribridge", "UnitFileState") == "enabled"
    assert service.machine.show("aribridge", "ExecStartPre").count("status=0") == 1


def test_the_restrictions_are_in_force(service: Service) -> None:
    assert service.status("NoNewPrivs") == "1"
    assert service.status("Seccomp") == "2"
    assert {service.status(kind) for kind in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert service.machine.run(f"stat -c %U /proc/{service.pid}").strip() == "aribridge"
    assert service.machine.run(f"grep -c ' / / ro' /proc/{service.pid}/mountinfo").strip() == "1"
    inside = f"nsenter --target {service.pid} --mount"
    for path in ("/etc/x", "/usr/x", "/opt/x", "/var/x"):
        assert "Read-only" in service.machine.fails(f"{inside} touch {path}")
    assert service.machine.run(f"{inside} ls /home /root /tmp || true").split() == ["/home:", "/root:", "/tmp:"]
    [files] = re.findall(r"open files +(\d+)", service.machine.run(f"cat /proc/{service.pid}/limits"))
    assert int(files) == min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # a container may not raise its own


def test_little_is_exposed(service: Service) -> None:
    told = service.machine.run("systemd-analyze security --offline=true /etc/systemd/system/aribridge.service || true")
    [level] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert float(level) <= MOST_EXPOSED


async def test_commands_scripts_and_data_channels_work(service: Service) -> None:
    token = service.token()
    async with wsclient.greeted(f"ws://127.0.0.1:{service.port}", token) as client:
        assert (await client.request("GET", "/asterisk/ping"))["status"] == 200
        assert (await client.ask(type="message", data={"a": 1}))["body"] == {"from_lua": {"a": 1}}
    page = RtcClient()
    try:
        channel = page.create("aribridge.v1")
        await page.take_answer(await _post_offer(service, await page.offer(), token))
        await page.open(channel)
        channel.send('{"type":"request","id":1,"op":"asterisk.ping"}')
        async with asyncio.timeout(30):
            while '"reply"' not in (reply := await page.next("aribridge.v1")):
                pass
        assert '"status":200' in reply
    finally:
        await page.pc.close()


async def _post_offer(service: Service, offer: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    url = f"http://127.0.0.1:{service.port}/v1/rtc"
    async with aiohttp.ClientSession() as http, http.post(url, data=offer, headers=headers) as response:
        assert response.status == 201, await response.text()
        return await response.text()


async def test_it_reads_its_scripts_anew(service: Service) -> None:
    service.machine.run("systemctl reload aribridge")
    await until(lambda: "scripts.reloaded" in service.log)


async def test_it_takes_leave_of_clients_and_ends_within_its_time(service: Service) -> None:
    async with wsclient.greeted(f"ws://127.0.0.1:{service.port}", service.token()) as client:
        started = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(service.machine.run, "systemctl stop aribridge"))
        assert (await client.goodbye())["reconnect"] != "never"
        await stopping
        took = time.monotonic() - started
    assert took < ServerSettings().drain_seconds + 10  # TimeoutStopSec gives it 30
    assert service.machine.show("aribridge", "Result") == "success"
    assert service.machine.show("aribridge", "ExecMainStatus") == "0"
    assert service.machine.show("aribridge", "NRestarts") == "0"
    assert "Traceback" not in service.log
    assert "EPERM" not in service.log
