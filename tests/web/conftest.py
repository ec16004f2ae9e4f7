"""aribridge.js in real pages, as its users have it: from the npm package, bundled, on another origin."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest
from real.machine import program
from real.wsclient import greeted
from web.kit import WEB, ClientPage, bundle, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Page
    from real.gateway import Gateway, Gateways
    from real.pages import Pages

ENDS = (("channels", "channels.hangup", "channelId"), ("bridges", "bridges.destroy", "bridgeId"))
"""What tests leave in Asterisk, the operation that ends it, and how that calls its id."""


@pytest.fixture(scope="session")
async def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm pack` makes of the client."""
    folder = tmp_path_factory.mktemp("pack")
    told = await run(program("npm"), "pack", "--json", "--pack-destination", folder, cwd=WEB)
    return folder / json.loads(told)[0]["filename"]


@pytest.fixture(scope="session")
async def project(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in its node_modules."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    modules = folder / "node_modules"
    modules.mkdir()
    with tarfile.open(tarball) as archive:
        archive.extractall(modules, filter="data")
    (modules / "package").rename(modules / "aribridge")
    return folder


@pytest.fixture(scope="session")
async def client_url(project: Path, pages: Pages) -> str:
    """A page of another origin than the gateway's, with `connect` and `AriError` on its window."""
    await bundle(project, "client", 'import * as client from "aribridge"; Object.assign(window, client);')
    pages.mounts["project"] = project
    return pages.url("project/client.html")


@pytest.fixture
async def client(gateways: Gateways, page: Page, client_url: str) -> ClientPage:
    """aribridge.js, bundled, in a page of another origin. It ends before the test's own gateways do."""
    client = ClientPage(page)
    await page.goto(client_url)
    await client.until("'connect' in window")
    return client


@pytest.fixture
async def hang_up(gateway: Gateway) -> Callable[[], Awaitable[None]]:
    """Ends every call and every bridge of the module's gateway."""

    async def end() -> None:
        async with greeted(gateway.url, gateway.token()) as client:
            for kind, op, name in ENDS:
                for thing in (await client.ask(type="request", op=f"{kind}.list"))["body"]:
                    await client.ask(type="request", op=op, params={name: thing["id"]})

    return end
