"""Real Chromium, headless, driven by Playwright."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest
from playwright.async_api import async_playwright, expect
from real.machine import family, kill, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright

FLAGS = (
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
)

PATIENCE_MS = 30_000.0
"""For what a page is expected to show, as long as Playwright waits for what is to be clicked."""


@dataclass
class PageErrors:
    """What pages reported on their consoles as errors, exceptions that nobody caught included."""

    seen: list[str] = field(default_factory=list)
    # A page's goodbye, or a candidate, may come when its peer has ended already.
    expected: list[str] = field(default_factory=lambda: [r"status of 404 .*/v1/rtc/\w+\)"])

    def expect(self, pattern: str) -> None:
        """Errors that match this regular expression belong to the test."""
        self.expected.append(pattern)

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self.seen if not any(re.search(pattern, text) for pattern in self.expected)]

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", self._exception)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"{message.text} ({message.location.get('url', '')})")

    def _exception(self, error: Error) -> None:
        self.seen.append(f"uncaught: {error.stack or error.message}")


class DoomedChromium:
    """A browser of a test's own, all of whose processes can be killed at once."""

    def __init__(self, browser: Browser, mark: str) -> None:
        self.browser = browser
        self._mark = mark

    def kill(self) -> int:
        """SIGKILL every process of it, as a crash or a lost machine would; how many there were."""
        main = [
            process for process in psutil.process_iter(["cmdline"]) if self._mark in (process.info["cmdline"] or [])
        ]
        everyone = {relative for process in main for relative in family(process.pid)}
        kill(list(everyone))
        return len(everyone)


@asynccontextmanager
async def doomed_chromium(playwright: Playwright) -> AsyncIterator[DoomedChromium]:
    """Start a browser that the test is going to kill."""
    mark = f"--aribridge-test={uuid.uuid4()}"
    browser = await playwright.chromium.launch(executable_path=program("chromium"), args=[*FLAGS, mark])
    try:
        yield DoomedChromium(browser, mark)
    finally:
        async with asyncio.timeout(30):
            await browser.close()


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """Playwright's driver."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
async def chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    """One Chromium for the whole run; tests take a `page` of it."""
    browser = await playwright.chromium.launch(executable_path=program("chromium"), args=list(FLAGS))
    yield browser
    await browser.close()


@pytest.fixture
def page_errors() -> PageErrors:
    """The console errors of this test's pages; `page_errors.expect(pattern)` allows some."""
    return PageErrors()


@pytest.fixture
async def context(chromium: Browser, page_errors: PageErrors) -> AsyncIterator[BrowserContext]:
    """A fresh browser profile. The test fails if one of its pages reports an error that was not expected."""
    context = await chromium.new_context()
    context.on("page", page_errors.watch)
    yield context
    await context.close()
    assert not page_errors.unexpected, "\n".join(page_errors.unexpected)


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """A fresh page in a fresh profile."""
    return await context.new_page()
