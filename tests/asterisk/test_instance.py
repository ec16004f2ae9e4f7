"""A private Asterisk does what its sample dialplan says, is alone on its ports, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from real.asterisk import fresh_asterisk
from real.wait import until

from aribridge.asterisk.configuration import Settings
from aribridge.asterisk.install import install
from aribridge.asterisk.instance import PrivateAsterisk, StartError

DEADLINE = 20


class Ari:
    """A few lines of ARI client: requests, and the events of the application."""

    def __init__(self, asterisk: PrivateAsterisk, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse):
        self._url, self._http, self._socket = asterisk.ari_url, http, socket

    async def request(self, method: str, path: str, **query: str) -> Any:
        async with self._http.request(method, self._url + path, params=query) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.content_length else None

    async def event(self, kind: str, of: str = "channel", **fields: str) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            while True:
                event = json.loads((await self._socket.receive()).data)
                if event["type"] == kind and all(event[of].get(key) == value for key, value in fields.items()):
                    return event


@asynccontextmanager
async def connected(asterisk: PrivateAsterisk, app: str | None = None) -> AsyncIterator[Ari]:
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    app = app or asterisk.app
    async with (
        aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=DEADLINE)) as http,
        http.ws_connect(f"{asterisk.ari_url}/events", params={"app": app}) as socket,
    ):
        ari = Ari(asterisk, http, socket)
        # Not subscribeAll: it includes device states, and Asterisk 22.10.1 deadlocks when a socket that has these
        # closes just as one changes (https://github.com/asterisk/asterisk/issues/2170).
        await ari.request("POST", f"/applications/{app}/subscription", eventSource="channel:,bridge:,endpoint:")
        yield ari


def clients_of(asterisk: PrivateAsterisk) -> list[Any]:
    """The connections to ARI that Asterisk has not closed."""
    connections = psutil.Process(asterisk.pid).net_connections("tcp")
    return [one for one in connections if one.status != psutil.CONN_LISTEN]


async def test_it_is_the_release_asked_for(asterisk: PrivateAsterisk) -> None:
    async with connected(asterisk) as ari:
        info = await ari.request("GET", "/asterisk/info")
    assert info["system"]["version"].startswith(asterisk.installation.version_text)
    assert asterisk.installation.version[0] == int(asterisk.release)
    assert f"Asterisk {asterisk.installation.version_text}" in await asterisk.cli("core show version")


async def test_its_log_is_clean(asterisk: PrivateAsterisk) -> None:
    async with fresh_asterisk(asterisk.release) as fresh:
        log = fresh.log_file.read_text()
    assert "WARNING" not in log
    assert "ERROR" not in log


async def test_600_echoes_and_601_plays(asterisk: PrivateAsterisk) -> None:
    async with connected(asterisk) as ari:
        for number in ("600", "601"):
            made = await ari.request("POST", "/channels", endpoint=f"Local/{number}@default", app=asterisk.app)
            await ari.event("StasisStart", id=made["id"])
            assert (await ari.request("GET", f"/channels/{made['id']}"))["state"] == "Up"
            await ari.request("DELETE", f"/channels/{made['id']}")
            await ari.event("ChannelDestroyed", id=made["id"])


async def test_602_rings_and_603_is_busy(asterisk: PrivateAsterisk) -> None:
    async with connected(asterisk) as ari:
        ringing = await ari.request("POST", "/channels", endpoint="Local/602@default", app=asterisk.app)
        await ari.event("ChannelStateChange", id=ringing["id"], state="Ringing")
        await ari.request("DELETE", f"/channels/{ringing['id']}")
        await ari.event("ChannelDestroyed", id=ringing["id"])
        busy = await ari.request("POST", "/channels", endpoint="Local/603@default", app=asterisk.app)
        assert (await ari.event("ChannelDestroyed", id=busy["id"]))["cause"] == 17


async def test_any_other_number_enters_the_application(asterisk: PrivateAsterisk) -> None:
    async with connected(asterisk) as ari:
        made = await ari.request("POST", "/channels", endpoint="Local/4711@default", app=asterisk.app)
        other = await ari.event("StasisStart")
        assert other["channel"]["dialplan"]["exten"] == "4711"
        await ari.request("DELETE", f"/channels/{made['id']}")
        await ari.event("ChannelDestroyed", id=made["id"])


async def test_a_caller_is_hung_up_on_when_no_gateway_is_connected(asterisk: PrivateAsterisk) -> None:
    await until(lambda: not clients_of(asterisk), what="Asterisk has noticed that the last test's client is gone")
    # Connected as another application, so that nobody is there for the sample dialplan's.
    async with connected(asterisk, app="onlooker") as ari:
        made = await ari.request("POST", "/channels", endpoint="Local/4711@default", app="onlooker")
        assert (await ari.event("ChannelDestroyed", id=made["id"]))["cause"] == 34


async def test_sounds_tones_and_music_are_there(asterisk: PrivateAsterisk) -> None:
    async with connected(asterisk) as ari:
        made = await ari.request("POST", "/channels", endpoint="Local/600@default", app=asterisk.app)
        await ari.event("StasisStart", id=made["id"])
        for media in ("sound:beep", "digits:1"):
            await ari.request("POST", f"/channels/{made['id']}/play", media=media)
            assert (await ari.event("PlaybackFinished", of="playback"))["playback"]["state"] == "done"
        tone = await ari.request("POST", f"/channels/{made['id']}/play", media="tone:ring")
        await ari.event("PlaybackStarted", of="playback", id=tone["id"])
        assert (await ari.request("GET", f"/playbacks/{tone['id']}"))["state"] == "playing"
        await ari.request("POST", f"/channels/{made['id']}/moh")
        await ari.request("DELETE", f"/channels/{made['id']}")
        await ari.event("ChannelDestroyed", id=made["id"])
    assert "/moh/" in await asterisk.cli("moh show files")


async def test_everything_that_answers_is_on_loopback(asterisk: PrivateAsterisk) -> None:
    sockets = psutil.Process(asterisk.pid).net_connections("inet")
    listening = {(s.laddr.ip, s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", asterisk.settings.http_port)}
    assert ("127.0.0.1", asterisk.sip_port) in {(s.laddr.ip, s.laddr.port) for s in sockets}


def test_secrets_are_for_the_owner_alone(asterisk22: PrivateAsterisk) -> None:
    assert asterisk22.password_file.read_text().strip() == asterisk22.password
    assert stat.S_IMODE(asterisk22.password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((asterisk22.folder / "etc").stat().st_mode) == 0o700
    assert asterisk22.password not in repr(asterisk22.settings)


async def test_it_comes_back_on_the_same_ports_after_a_crash() -> None:
    async with fresh_asterisk("22") as asterisk:
        async with connected(asterisk) as ari:
            before = await ari.request("GET", "/asterisk/info")
        first = asterisk.pid
        await asterisk.kill()
        assert asterisk.pid is None
        assert not psutil.pid_exists(first)
        await asterisk.start()
        async with connected(asterisk) as ari:
            after = await ari.request("GET", "/asterisk/info")
    assert after["system"]["entity_id"] == before["system"]["entity_id"]
    assert not psutil.pid_exists(asterisk.pid or first)


async def test_a_second_one_in_the_same_folder_is_refused(asterisk22: PrivateAsterisk) -> None:
    with pytest.raises(StartError, match="already runs in"):
        await PrivateAsterisk(asterisk22.installation, asterisk22.folder).start()
    assert "active channels" in await asterisk22.cli("core show channels")
    assert asterisk22.password_file.read_text().strip() == asterisk22.password


async def test_a_failed_start_says_why_and_leaves_the_folder_free(tmp_path: Path) -> None:
    says_no = ("sh", "-c", "echo cannot open shared object file; exit 1")
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            broken = PrivateAsterisk(replace(install("22"), command=says_no), Path(folder))
            with pytest.raises(StartError, match=r"(?s)ended at once.*log.*cannot open shared object file"):
                await broken.start()
            assert broken.pid is None


async def test_a_path_too_long_for_the_control_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="choose a shorter folder"):
        await PrivateAsterisk(install("22"), tmp_path / ("x" * 100)).start()


KILLED_OWNER = """
import asyncio, sys
from pathlib import Path
from aribridge.asterisk.install import install
from aribridge.asterisk.instance import PrivateAsterisk

async def main():
    asterisk = PrivateAsterisk(install("22"), Path(sys.argv[1]))
    await asterisk.start()
    print(asterisk.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_it_dies_with_its_owner_however_that_dies() -> None:
    with tempfile.TemporaryDirectory() as folder:
        owner = subprocess.Popen([sys.executable, "-c", KILLED_OWNER, folder], stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        with owner, owner.stdout:
            asterisk = psutil.Process(int(owner.stdout.readline()))
            os.kill(owner.pid, signal.SIGKILL)
        _, left = psutil.wait_procs([asterisk], timeout=30)
        for survivor in left:
            survivor.kill()
        assert not left


async def test_the_application_name_is_a_setting() -> None:
    async with fresh_asterisk("22", Settings(app="shop")) as asterisk, connected(asterisk) as ari:
        await ari.request("POST", "/channels", endpoint="Local/4711@default", app="shop")
        assert (await ari.event("StasisStart"))["application"] == "shop"
