"""Web pages of another origin than the gateway's, as the pages of its users are."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from aiohttp import web
from real.machine import ROOT, npm_modules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Pages:
    """Serves folders under `http://localhost:<port>/<mount>/`; the gateway is at 127.0.0.1, hence another origin.

    Mounted from the start: `npm` (the tests' npm packages) and `pages` (tests/e2e/pages). Tests may mount more, and add
    `headers`.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.headers = {"Cache-Control": "no-store"}
        self.mounts: dict[str, Path] = {"npm": npm_modules(), "pages": ROOT / "tests/e2e/pages"}

    def url(self, path: str, **query: str) -> str:
        """The address of a file below a mount, such as `pages/janus.html`."""
        return f"{self.origin}/{path}" + (f"?{urlencode(query)}" if query else "")

    async def no_icon(self, _: web.Request) -> web.Response:
        """Browsers ask for one by themselves; a 404 would be an error on the page's console."""
        return web.Response(status=204)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        folder = self.mounts.get(request.match_info["mount"])
        if folder is None:
            raise web.HTTPNotFound
        file = (folder / request.match_info["path"]).resolve()
        if not file.is_relative_to(folder.resolve()) or not file.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(file, headers=self.headers)


@asynccontextmanager
async def serve_pages() -> AsyncIterator[Pages]:
    """Serve the pages until the end of the block."""
    pages = Pages()
    application = web.Application()
    application.router.add_get("/favicon.ico", pages.no_icon)
    application.router.add_get("/{mount}/{path:.+}", pages.serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pages.origin = f"http://localhost:{runner.addresses[0][1]}"
    try:
        yield pages
    finally:
        await runner.cleanup()


@pytest.fixture(scope="session")
async def pages() -> AsyncIterator[Pages]:
    """A web server for test pages, on an origin of its own."""
    async with serve_pages() as pages:
        yield pages
