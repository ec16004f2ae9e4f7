"""The real gateway, started as a user starts it: `python -m aribridge run -c aribridge.toml`."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest
from real import planted
from real.machine import family, free_port, kill, living
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator, Mapping

    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

COMMAND = (sys.executable, "-m", "aribridge", "run")
START_DEADLINE = 30.0
STOP_DEADLINE = 15.0
FIGURES_DEADLINE = 2.0
"""A gateway that stands still when it is stopped has told its figures to nobody."""


class Gateway:
    """One gateway process with a configuration, ports and a signing key of its own, on 127.0.0.1.

    `url` and `ws_url` are where clients connect, `admin_url` is the operators' door, `log` the lines of its log,
    `output` what it printed to standard output.
    """

    asterisk: PrivateAsterisk
    """The Asterisk whose calls a module's gateway gets."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, dev: bool = False) -> None:
        self.folder = folder
        self._mode = ("--dev",) if dev else ()
        self.port, self.admin_port = free_port(), free_port()
        self.url, self.ws_url = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.config = folder / "aribridge.toml"
        self._key = secrets.token_hex(32)
        self._log, self._output = folder / "gateway.log", folder / "gateway.out"
        self._process: asyncio.subprocess.Process | None = None
        self.stderr: int | None = None
        """A descriptor that it logs to instead of its file."""
        for name, secret in (("signing.key", self._key), ("api.secret", secrets.token_hex(16))):
            (folder / name).write_text(secret)
            (folder / name).chmod(0o600)
        whole = merged(self._defaults(), settings)
        self.state = Path(whole["state"])
        self.config.write_text(to_toml(whole))
        planted.plant(whole, folder)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> list[str]:
        return _whole_lines(self._log)

    @property
    def audit(self) -> list[dict[str, Any]]:
        """The lines of its audit log, those of files that were put aside (as at midnight) before the present one's."""
        files = sorted((self.state / "audit").glob("audit*.jsonl"))
        return [json.loads(line) for file in files for line in _whole_lines(file)]

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def token(self, *, minutes: float = 10, **claims: Any) -> str:
        """A token for alice that allows every operation, unless the claims say otherwise; None leaves a claim out."""
        now = time.time()
        payload = {"sub": "alice", "ops": ["*"], "iat": now, "exp": now + 60 * minutes} | claims
        present = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(present, self._key, algorithm="HS256")

    async def start(self, *, ready: bool = True) -> None:
        """Start it and wait for /readyz, or without `ready` (its Asterisk is down) for /healthz, to answer 200."""
        with self._log.open("ab") as log, self._output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(*COMMAND, *self._mode, "-c", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=log if self.stderr is None else self.stderr,
                cwd=self.folder,
            )
        door = "/readyz" if ready else "/healthz"
        await until(lambda: self._answers(door), within=START_DEADLINE, what=f"{door} of the gateway answers 200")

    async def stop(self) -> None:
        """End it as an init system would. AssertionError if it failed, left a process, or logged a traceback."""
        if self._process is not None and self._process.returncode is None:
            await self._search_figures()
            self._process.send_signal(signal.SIGTERM)
        await self.ended()

    async def ended(self) -> None:
        """Wait for an end that was asked for already, which a signal would cut short. AssertionError as by `stop`."""
        process, self._process = self._process, None
        if process is None:
            return
        started = family(process.pid)
        try:
            code = await asyncio.wait_for(process.wait(), STOP_DEADLINE)
            left = living(started)
        finally:
            kill(started)
        assert code == 0, f"the gateway exited {code}:\n{self.tail()}"
        assert not left, f"the gateway left running: {left}"
        failures = [line for line in self.log if "Traceback" in line]
        assert not failures, "\n".join(failures[:3])
        self._search()

    async def kill(self) -> None:
        """End it as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            kill(family(process.pid))
            await process.wait()
            self._search()

    async def admin(self, path: str) -> tuple[int, str]:
        """GET a path of the operators' door: status and body."""
        async with aiohttp.ClientSession() as http, http.get(self.admin_url + path) as response:
            return response.status, await response.text()

    async def metrics(self) -> dict[str, float]:
        """The gateway's figures by Prometheus name; those with labels as `name{label="value"}`."""
        _, text = await self.admin("/metrics")
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def _search(self) -> None:
        """No secret may be in what it leaves; a development run prints a token, for its user alone."""
        printed = [] if self._mode else [self._output]
        planted.search([self._log, *printed, *self.state.glob("audit/*")])

    async def _search_figures(self) -> None:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with asyncio.timeout(FIGURES_DEADLINE):
                planted.search_text((await self.admin("/metrics"))[1], "/metrics")

    async def _answers(self, path: str) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, f"the gateway exited {self._process.returncode}:\n{self.tail()}"
        try:
            status, _ = await self.admin(path)
        except aiohttp.ClientError:
            return False
        return status == 200

    def tail(self) -> str:
        """The last lines of what it printed and logged."""
        return "\n".join([*self.output.splitlines()[-10:], *self.log[-60:]])

    def _defaults(self) -> dict[str, Any]:
        return {
            "state": str(self.folder / "state"),
            "server": {"listen": f"127.0.0.1:{self.port}", "admin": f"127.0.0.1:{self.admin_port}"},
            "auth": {
                "jwt": [{"algorithm": "HS256", "key_file": "signing.key"}],
                "janus": {"api_secret_file": "api.secret"},
            },
            "log": {"format": "json"},
        }


class Gateways:
    """Starts gateways of a test's own, and stops those that are left at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gateways: list[Gateway] = []
        self._states = ExitStack()

    def short_state(self) -> str:
        """A folder for `state` whose path is short enough for a socket, until all gateways have stopped."""
        return str(Path(self._states.enter_context(tempfile.TemporaryDirectory(prefix="ab-"))) / "state")

    async def start(
        self,
        *asterisks: Mapping[str, Any],
        ready: bool = True,
        dev: bool = False,
        stderr: int | None = None,
        **settings: Any,
    ) -> Gateway:
        """A gateway with these `[[asterisk]]` sections (see `target`) and further sections of the configuration."""
        folder = self._folder / f"gateway-{len(self._gateways)}"
        folder.mkdir()
        gateway = Gateway(folder, {"asterisk": list(asterisks), **settings}, dev=dev)
        gateway.stderr = stderr
        self._gateways.append(gateway)
        try:
            await gateway.start(ready=ready)
        except BaseException:
            await gateway.kill()
            raise
        return gateway

    def tails(self) -> Iterator[str]:
        """The end of each gateway's log."""
        return (gateway.tail() for gateway in self._gateways)

    async def stop(self) -> None:
        with self._states:
            try:
                for gateway in self._gateways:
                    await gateway.stop()
            finally:
                for gateway in self._gateways:
                    await gateway.kill()


def _whole_lines(file: Path) -> list[str]:
    """What a process that runs has written so far, without the half line that a reader may find at the end."""
    return file.read_text(errors="replace").rpartition("\n")[0].splitlines()


def target(asterisk: PrivateAsterisk, *, app: str | None = None, **settings: Any) -> dict[str, Any]:
    """The `[[asterisk]]` section for a real Asterisk.

    Without `app` it is a fresh application, so that gateways on one Asterisk don't take each other's; the dialplan
    sends calls to `asterisk.app`.
    """
    own = {"name": "pbx", "url": asterisk.ari_url, "user": asterisk.user, "password_file": str(asterisk.password_file)}
    return own | {"app": app or f"test-{secrets.token_hex(4)}"} | settings


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, section by section."""
    both = {name: merged(base[name], over[name]) for name in base.keys() & over.keys() if isinstance(base[name], dict)}
    return {**base, **over, **both}


def to_toml(settings: Mapping[str, Any], prefix: str = "") -> str:
    """TOML of text, numbers, booleans, lists of them, sections, and lists of sections."""
    values, sections = [], []
    for name, value in settings.items():
        if isinstance(value, dict):
            sections.append(f"[{prefix}{name}]\n{to_toml(value, f'{prefix}{name}.')}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            sections += [f"[[{prefix}{name}]]\n{to_toml(item, f'{prefix}{name}.')}" for item in value]
        else:
            values.append(f"{name} = {json.dumps(value)}\n")
    return "".join(values + sections)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows the logs of its own gateways."""
    report = yield
    gateways = getattr(item, "funcargs", {}).get("gateways")
    if report.failed and gateways is not None:
        report.sections += [("gateway's log", tail) for tail in gateways.tails()]
    return report


@pytest.fixture
async def gateways(tmp_path: Path) -> AsyncIterator[Gateways]:
    """Gateways of this test: `await gateways.start(target(asterisk22), limits={"inflight": 2})`."""
    gateways = Gateways(tmp_path)
    yield gateways
    await gateways.stop()


@asynccontextmanager
async def dialplan_gateway(
    asterisk: PrivateAsterisk, folders: pytest.TempPathFactory, pages: Pages
) -> AsyncIterator[Gateway]:
    """A gateway that gets the calls of the dialplan (`Stasis(aribridge)`) and lets the test pages in."""
    gateways = Gateways(folders.mktemp("gateway"))
    section = target(asterisk, app=asterisk.app)
    gateway = await gateways.start(section, server={"origins": [pages.origin], "console": True})
    gateway.asterisk = asterisk
    yield gateway
    await gateways.stop()


@pytest.fixture(scope="module")
async def gateway(
    asterisk22: PrivateAsterisk, tmp_path_factory: pytest.TempPathFactory, pages: Pages
) -> AsyncIterator[Gateway]:
    """A gateway for the tests of one module, on Asterisk 22."""
    async with dialplan_gateway(asterisk22, tmp_path_factory, pages) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def gateway16(
    asterisk16: PrivateAsterisk, tmp_path_factory: pytest.TempPathFactory, pages: Pages
) -> AsyncIterator[Gateway]:
    """A gateway for the tests of one module, on Asterisk 16."""
    async with dialplan_gateway(asterisk16, tmp_path_factory, pages) as gateway:
        yield gateway


@pytest.fixture(scope="module", params=["gateway", "gateway16"], ids=["22", "16"])
def any_gateway(request: pytest.FixtureRequest) -> Gateway:
    """A gateway on Asterisk 22, then one on 16: the test runs on both."""
    return request.getfixturevalue(request.param)
