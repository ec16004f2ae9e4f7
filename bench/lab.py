"""What is measured: a real Asterisk, the gateway with its defaults, and the real Janus where it is installed."""

from __future__ import annotations

import base64
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.async_api import async_playwright
from real.asterisk import fresh_asterisk
from real.browser import FLAGS
from real.gateway import Gateways, target
from real.janus import real_janus
from real.machine import program
from real.pages import serve_pages
from real.proxy import faulty_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser
    from real.gateway import Gateway
    from real.janus import RealJanus
    from real.pages import Pages
    from real.proxy import FaultyProxy

    from aribridge.asterisk.instance import PrivateAsterisk

HERE = Path(__file__).parent
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""So that the page's clock is good to 5 µs instead of 100."""
UNLIMITED = {"rate": 1e9, "burst": 10**9, "subject_connections": 10_000, "address_connections": 10_000}
"""One machine stands for many clients here."""


@dataclass(frozen=True, slots=True)
class Lab:
    """The parts, all on loopback, until the lab is left; ``janus`` is None where it is not installed."""

    folder: Path
    asterisk: PrivateAsterisk
    gateway: Gateway
    janus: RealJanus | None
    slow: FaultyProxy
    """The way to the same Asterisk under the name `slow`, which can be held up."""
    browser: Browser
    pages: Pages


@asynccontextmanager
async def open_lab(folder: Path) -> AsyncIterator[Lab]:
    """Start everything; leave nothing behind."""
    async with AsyncExitStack() as stack:
        asterisk = await stack.enter_async_context(fresh_asterisk("22"))
        pages = await stack.enter_async_context(serve_pages())
        pages.mounts |= {"bench": HERE / "pages", "web": HERE.parent / "aribridge/web"}
        pages.headers |= ISOLATED
        slow = await stack.enter_async_context(faulty_proxy(_port(asterisk)))
        gateways = Gateways(folder)
        stack.push_async_callback(gateways.stop)
        scripts = {"files": [str(HERE / "lua/gateway.lua")]}
        sections = (target(asterisk, app=asterisk.app), _by_way_of(slow, asterisk))
        gateway = await gateways.start(*sections, server={"origins": [pages.origin]}, scripts=scripts, limits=UNLIMITED)
        janus = await stack.enter_async_context(_janus(folder, asterisk, slow)) if shutil.which("janus") else None
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=program("chromium"), args=list(FLAGS))
        stack.push_async_callback(browser.close)
        yield Lab(folder, asterisk, gateway, janus, slow, browser, pages)


@asynccontextmanager
async def _janus(folder: Path, asterisk: PrivateAsterisk, slow: FaultyProxy) -> AsyncIterator[RealJanus]:
    credentials = base64.b64encode(f"{asterisk.user}:{asterisk.password}".encode()).decode()
    config = f"127.0.0.1 {_port(asterisk)} {slow.port} {credentials}"
    async with real_janus(folder / "janus", HERE / "lua/janus_ari.lua", config) as janus:
        yield janus


def _by_way_of(proxy: FaultyProxy, asterisk: PrivateAsterisk) -> dict[str, Any]:
    url = f"http://127.0.0.1:{proxy.port}/ari"
    # The application's own events alone, of which there are none: the first target has the others.
    return target(asterisk, name="slow", url=url, events="app")


def _port(asterisk: PrivateAsterisk) -> int:
    port = urlsplit(asterisk.ari_url).port
    assert port is not None
    return port
