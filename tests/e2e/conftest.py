"""Clients in real pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real.client import PageClient

if TYPE_CHECKING:
    from playwright.async_api import Page
    from real.pages import Pages


@pytest.fixture
async def plain(page: Page, pages: Pages) -> PageClient:
    """A client with nothing but the browser's own API."""
    client = PageClient(page)
    await client.load(pages, "pages/plain.html")
    return client


@pytest.fixture
async def janus(page: Page, pages: Pages) -> PageClient:
    """A client made of the unmodified janus.js."""
    client = PageClient(page)
    await client.load(pages, "pages/janus.html")
    return client
