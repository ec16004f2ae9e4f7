"""The container file: linted, and its steps done in folders of their own, since no container runs in the tests."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from real.machine import ROOT, family, free_port, kill
from real.wait import until

FILE = ROOT / "conf" / "container" / "Dockerfile"
pytestmark = pytest.mark.timeout(600)


def instructions(name: str) -> list[str]:
    """What the instructions of this name say, those of both stages in order."""
    text = re.sub(r"(?m)^#.*\n", "", FILE.read_text()).replace("\\\n", "")
    return re.findall(rf"(?m)^{name} +(.+)$", text)


def test_hadolint_has_nothing_to_say():
    program = Path(sysconfig.get_path("scripts"), "hadolint")
    told = subprocess.run([program, FILE], capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stdout) == (0, "")


def test_it_runs_without_root_on_a_slim_image():
    build, final = instructions("FROM")
    assert build.removesuffix(" AS build") == final
    assert "-slim" in final
    [user] = instructions("USER")
    assert re.fullmatch("[1-9][0-9]*:[1-9][0-9]*", user)
    assert instructions("VOLUME") == ["/var/lib/aribridge"]
    assert instructions("EXPOSE") == ["8188/tcp 8188/udp"]
    assert not re.search("apt-get|build-essential|gcc", FILE.read_text())


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installed by the RUN of the first stage from nothing but what is copied there; dependencies are lent."""
    folder = tmp_path_factory.mktemp("image")
    source, target = folder / "src", folder / "opt"
    source.mkdir()
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for *names, place in (line.split() for line in instructions("COPY") if not line.startswith("--from")):
        for name in names:
            assert f"!{name}" in allowed, f"{name} does not reach the build"
            copy(ROOT / name, source / place / name if place == "./" else source / place)
    [steps] = (line for line in instructions("RUN") if "venv" in line)
    make, install = steps.replace("/opt/aribridge", str(target)).split(" && ")
    run(make.replace("python", sys.executable, 1), source)
    lent = next(target.glob("lib/python3.*/site-packages")) / "lent.pth"
    lent.write_text(sysconfig.get_path("purelib"))
    run(f"{install.replace('--no-cache-dir', '')} --no-deps --ignore-installed --quiet", source)
    return target / "bin" / "aribridge"


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def run(command: str, folder: Path) -> None:
    ran = subprocess.run(shlex.split(command), cwd=folder, capture_output=True, text=True, timeout=500, check=False)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"


async def test_what_it_installs_runs_is_healthy_and_ends(program: Path, tmp_path: Path) -> None:
    environment = dict(word.split("=", 1) for line in instructions("ENV") for word in line.split())
    assert environment["PATH"] == "/opt/aribridge/bin:$PATH"
    environment |= {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "ARIBRIDGE_STATE": str(tmp_path / "state"),
        "ARIBRIDGE_SERVER__LISTEN": f"127.0.0.1:{free_port()}",
        "ARIBRIDGE_SERVER__ADMIN": f"127.0.0.1:{free_port()}",
    }
    (tmp_path / "key").write_text("s" * 40)
    (tmp_path / "aribridge.toml").write_text(
        f'[[asterisk]]\nurl = "http://127.0.0.1:{free_port()}/ari"\npassword = "p"\n[[auth.jwt]]\nkey_file = "key"\n'
    )
    for name in ("key", "aribridge.toml"):
        (tmp_path / name).chmod(0o600)
    [entry], [arguments] = instructions("ENTRYPOINT"), instructions("CMD")
    command = [*json.loads(entry), *json.loads(arguments.replace("/etc/aribridge/", ""))]
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        await until(lambda: is_healthy(environment) or process.returncode is not None)
        process.send_signal(getattr(signal, instructions("STOPSIGNAL")[0]))
        assert await asyncio.wait_for(process.wait(), 30) == 0
        assert not is_healthy(environment)
    finally:
        kill(family(process.pid))
    assert "Traceback" not in (tmp_path / "log").read_text()


def is_healthy(environment: dict[str, str]) -> bool:
    [check] = instructions("HEALTHCHECK")
    command = json.loads(check.partition(" CMD ")[2])
    return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, timeout=30, check=False).returncode == 0
