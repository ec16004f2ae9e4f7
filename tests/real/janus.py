"""The real Janus of Debian's package, and the Lua scripts that come with it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import pytest
from real.machine import family, free_port, kill, program
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LUA_FOLDER = Path("/usr/share/janus/lua")
_OTHER_PLUGINS = "audiobridge duktape nosip recordplay sip streaming textroom videocall videoroom voicemail"
_OTHER_TRANSPORTS = "mqtt nanomsg pfunix rabbitmq"


class RealJanus(NamedTuple):
    """A running Janus: the address of its WebSocket, its process, and its address for HTTP."""

    url: str
    pid: int
    http: str


def lua_folder() -> Path:
    """The folder of echotest.lua, videoroom.lua and janus-sdp.lua; without it the test fails and says what to do."""
    if not _LUA_FOLDER.is_dir():
        pytest.fail(f"{_LUA_FOLDER} is missing: run scripts/test-setup programs")
    return _LUA_FOLDER


@asynccontextmanager
async def real_janus(folder: Path, script: Path, config: str) -> AsyncIterator[RealJanus]:
    """A Janus on loopback with that script in its Lua plugin."""
    port, http, rtp = free_port(), free_port(), free_port()
    _write(folder, port, http, rtp, script, config)
    with (folder / "janus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(program("janus"), "-F", str(folder), stdout=log, stderr=log)
    started = family(process.pid)
    try:
        await until(lambda: _answers(port), what=f"Janus answers; its log is {folder / 'janus.log'}")
        yield RealJanus(f"ws://127.0.0.1:{port}", process.pid, f"http://127.0.0.1:{http}/janus")
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 15)
    finally:
        kill(started)
        await process.wait()


def _write(folder: Path, port: int, http: int, rtp: int, script: Path, config: str) -> None:
    folder.mkdir()
    plugins = ", ".join(f"libjanus_{name}.so" for name in _OTHER_PLUGINS.split())
    transports = ", ".join(f"libjanus_{name}.so" for name in _OTHER_TRANSPORTS.split())
    (folder / "janus.jcfg").write_text(
        f'general: {{ configs_folder = "{folder}", debug_level = 4 }}\n'
        f'media: {{ rtp_port_range = "{rtp}-{rtp + 200}" }}\n'
        'nat: { ice_enforce_list = "127.0.0.1", nice_debug = false }\n'
        f'plugins: {{ disable = "{plugins}" }}\n'
        f'transports: {{ disable = "{transports}" }}\n'
        "events: { broadcast = false }\n"
    )
    (folder / "janus.transport.websockets.jcfg").write_text(
        f'general: {{ json = "compact", ws = true, ws_port = {port}, ws_ip = "127.0.0.1", wss = false }}\n'
        "admin: { admin_ws = false, admin_wss = false }\n"
    )
    (folder / "janus.transport.http.jcfg").write_text(
        f'general: {{ json = "compact", base_path = "/janus", http = true, port = {http}, ip = "127.0.0.1" }}\n'
        "admin: { admin_http = false }\n"
    )
    (folder / "janus.plugin.lua.jcfg").write_text(
        f'general: {{ path = "{lua_folder()}", script = "{script}", config = "{config}" }}\n'
    )


async def _answers(port: int) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"ws://127.0.0.1:{port}", protocols=["janus-protocol"]) as ws,
        ):
            await ws.send_json({"janus": "info", "transaction": "t"})
            return (await ws.receive_json(timeout=5))["janus"] == "server_info"
    except (aiohttp.ClientError, TimeoutError):
        return False
