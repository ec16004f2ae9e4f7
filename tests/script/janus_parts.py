"""Parts for the tests of scripts for Janus: what they act upon, and the callbacks that each has to have."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.script.janus import JanusScript

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from script_parts import RecordingAsterisks

CALLBACKS = (
    "init destroy createSession destroySession querySession setupMedia hangupMedia resumeScheduler handleMessage"
)


class RecordingWorld:
    """Keeps what a script asks for, in its order."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def push(self, session: int, transaction: str | None, event: str, jsep: str | None) -> None:
        self.done.append(("push", session, transaction, event, jsep))

    def relay(self, sessions: Sequence[int], data: str | bytes, label: str, protocol: str) -> None:
        self.done.append(("relay", list(sessions), data, label, protocol))

    def close_pc(self, session: int) -> None:
        self.done.append(("close", session))

    def end_session(self, session: int) -> None:
        self.done.append(("end", session))

    @property
    def relayed(self) -> list[str | bytes]:
        return [what[2] for what in self.done if what[0] == "relay"]


def write_script(folder: Path, source: str) -> Path:
    """A script file with empty callbacks where the source has none."""
    missing = (f"function {name}() end" for name in CALLBACKS.split() if f"function {name}(" not in source)
    file = folder / "plugin.lua"
    file.write_text(source + "\n" + "\n".join(missing) + "\n")
    return file


@asynccontextmanager
async def running(
    folder: Path, source: str, asterisks: RecordingAsterisks, *, limits: ScriptSettings | None = None, **lua: Any
) -> AsyncIterator[tuple[JanusScript, RecordingWorld]]:
    """A script that is started, with session 7 whose data channel is open."""
    world = RecordingWorld()
    settings = JanusLuaSettings(script=str(write_script(folder, source)), **lua)
    script = JanusScript(settings, limits or ScriptSettings(), asterisks, world, {})
    script.load()
    await script.start()
    await script.call("createSession", 7.0)
    await script.call("dataReady", 7.0)
    try:
        yield script, world
    finally:
        await script.close()


class Web:
    """A web server whose path /held waits until the test lets it go on; others tell what they were asked."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.asked: list[web.Request] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if request.path == "/held":
            await self.go_on.wait()
        if request.path == "/away":
            raise web.HTTPFound("http://192.0.2.1/")
        if request.path == "/binary":
            return web.Response(body=bytes(range(256)))
        text = f"{request.method} {request.path} {(await request.read()).hex()}"
        return web.Response(text=text, status=404 if request.path == "/missing" else 200, headers={"X-Made-By": "test"})


@asynccontextmanager
async def web_server() -> AsyncIterator[Web]:
    server = Web()
    application = web.Application()
    application.add_routes([web.route("*", "/{path:.*}", server.answer)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.go_on.set()
        await runner.cleanup()
