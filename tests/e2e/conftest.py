"""Clients in real pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real.client import PageClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page
    from real.pages import Pages


@pytest.fixture
async def plain(page: Page, pages: Pages) -> AsyncIterator[PageClient]:
    """A client with nothing but the browser's own API."""
    client = PageClient(page)
    await client.load(pages, "pages/plain.html")
    yield client
    # Or the next test would see this peer until its consent ends.
    await page.evaluate("() => window.peer?.close()")


@pytest.fixture
async def janus(page: Page, pages: Pages) -> AsyncIterator[PageClient]:
    """A client made of the unmodified janus.js."""
    client = PageClient(page)
    await client.load(pages, "pages/janus.html")
    yield client
    await page.evaluate("() => window.handle?.webrtcStuff?.pc?.close()")
