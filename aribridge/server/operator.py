"""What only the machine's operator may do: routes of the socket in the state folder, which no network reaches."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from aiohttp import web

from aribridge.core.trace import Call
from aribridge.hub import Target, Targets
from aribridge.obs.redact import redact
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost
from aribridge.server.lua_plugins import LuaPlugins
from aribridge.server.reload import Reloader

MOST_NAMED = 20
TAKEOVER_SECONDS = 30.0


class Operator:
    """Scripts: POST reload, GET report and recordings. GET traces of calls. POST takeover."""

    def __init__(self, targets: Targets, scripts: ScriptHost, plugins: LuaPlugins, reloader: Reloader) -> None:
        self._targets = targets
        self._scripts = scripts
        self._plugins = plugins
        self._reloader = reloader

    def routes(self) -> list[web.RouteDef]:
        """Addresses and handlers."""
        return [
            web.post("/v1/scripts/reload", self._post_reload),
            web.get("/v1/scripts", self._get_scripts),
            web.get("/v1/scripts/{script}/recording", self._get_recording),
            web.get("/v1/trace/{call:.+}", self._get_trace),
            web.post("/v1/takeover", self._post_takeover),
        ]

    async def _post_reload(self, _: web.Request) -> web.Response:
        """200 with the files that were loaded, or 409 with the reason, by file and line, why the old ones stay."""
        result = await self._reloader.reload()
        if result.error is not None:
            return web.json_response({"reloaded": False, "error": result.error}, status=409)
        files, changed = ([str(file) for file in files] for files in (result.files, result.changed))
        return web.json_response({"reloaded": True, "files": files, "changed": changed})

    async def _get_scripts(self, _: web.Request) -> web.Response:
        return web.json_response({"scripts": redact([*self._scripts.to_report(), *self._plugins.to_report()])})

    async def _get_recording(self, request: web.Request) -> web.StreamResponse:
        """The lines of a recording, from now on until the client leaves or the gateway stops; 404 with ``error``."""
        try:
            with self._scripts.record(request.match_info["script"]) as tape:
                response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
                await response.prepare(request)
                with suppress(ConnectionResetError):  # whoever records has left
                    async for line in tape.lines():
                        await response.write(line)
                return response
        except Problem as problem:
            return web.json_response({"error": problem.detail}, status=problem.status)

    async def _get_trace(self, request: web.Request) -> web.Response:
        """200 with the call; 404 when there is none, 409 when several begin so, both with ``error``."""
        ident = request.match_info["call"]
        found = [(target, call) for target in self._targets for call in target.feed.traces.find(ident)]
        if len(found) == 1:
            return web.json_response(_to_report(*found[0]))
        if not found:
            error = "Nothing is known of a call with this channel id: it is gone too long, or never was."
            return web.json_response({"error": error}, status=404)
        error = f"{len(found)} calls have a channel whose id begins so; name one of them."
        names = sorted(channel for _, call in found for channel in call.channels if channel.startswith(ident))
        return web.json_response({"error": error, "channels": names[:MOST_NAMED]}, status=409)

    async def _post_takeover(self, request: web.Request) -> web.Response:
        """200 once the target is served from here; 4xx with ``error`` for its name, 503 where it cannot be reached."""
        try:
            target = self._targets.pick(request.query.get("target"))
        except Problem as problem:
            return web.json_response({"error": problem.detail}, status=problem.status)
        taken, started = target.link.standby, time.monotonic()
        if taken:
            target.link.take_over()
            with suppress(TimeoutError):
                await asyncio.wait_for(target.feed.opened.wait(), TAKEOVER_SECONDS)
        if not target.ready:
            return web.json_response({"error": target.reason}, status=503)
        seconds = round(time.monotonic() - started, 3)
        return web.json_response({"target": target.name, "taken": taken, "seconds": seconds})


def _to_report(target: Target, call: Call) -> dict[str, Any]:
    entries = [{"at": entry.at, "what": entry.what, "text": redact(entry.text)} for entry in call.in_order()]
    return {
        "target": target.name,
        "channels": sorted(call.channels),
        "left_out": call.left_out,
        "entries": entries,
    }
