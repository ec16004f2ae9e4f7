"""Builds pages of aribridge.js, and drives it in them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from real.machine import NPM, ROOT, npm_modules

if TYPE_CHECKING:
    from playwright.async_api import Page
    from real.gateway import Gateway

WEB = ROOT / "aribridge/web"
# A socket's own close is to the client what the loss of one is.
KEPT_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); sockets.push(this); }
};
"""
LOSE = "seen.states.length = 0; sockets.at(-1).onmessage = null; sockets.at(-1).close();"
WITHIN = """
const within = (promise, ms) => {
  const late = new Promise((_, reject) => setTimeout(reject, ms, new Error("it hangs")));
  return Promise.race([promise, late]);
};
"""
HTML = '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="{script}"></script>'


async def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program to its end; what it printed. AssertionError with all of it if it failed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_PATH": str(npm_modules()), **environment},
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, f"{command}:\n{output.decode()}\n{errors.decode()}"
    return output.decode()


async def bundle(project: Path, name: str, source: str) -> None:
    """Build a page of a module's source, as name.html, with esbuild."""
    (project / f"{name}.mjs").write_text(source)
    script = f"{name}.bundle.js"
    options = ("--bundle", "--format=esm", "--log-level=error", f"--outfile={script}")
    esbuild = NPM / "node_modules/esbuild/bin/esbuild"
    await run(esbuild, f"{name}.mjs", *options, cwd=project)
    (project / f"{name}.html").write_text(HTML.format(script=script))


class ClientPage:
    """aribridge.js in a page; its connection is `bridge`, what happens to it is in `seen`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.urls: list[str] = []
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("websocket", lambda socket: self.urls.append(socket.url))

    async def connect(self, gateway: Gateway, token: str | None = None, **options: Any) -> None:
        """Connect with these options. Playwright's Error if the gateway does not let the page in."""
        given = {"url": gateway.url, "token": token or gateway.token(), **options}
        await self.do(
            """window.seen = { states: [], events: [], gaps: [], errors: [] };
               window.bridge = await connect(given);
               window.ari = bridge.ari;
               bridge.on("state", ({ state }) => seen.states.push(state));
               bridge.on("gap", ({ reason }) => seen.gaps.push(reason));
               bridge.on("error", ({ code }) => seen.errors.push(code));""",
            given,
        )

    async def do(self, statements: str, given: Any = None) -> Any:
        """Run statements in the page, `given` at hand; what they return."""
        return await self.page.evaluate(f"async (given) => {{ {statements} }}", given)

    async def until(self, condition: str, seconds: float = 30) -> None:
        """Wait for a condition in the page."""
        await self.page.wait_for_function(condition, timeout=seconds * 1000)
