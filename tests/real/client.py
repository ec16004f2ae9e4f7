"""A client of the gateway in a real page: the test's hand on `window.client` of tests/e2e/pages/client.js."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from playwright.async_api import Page
    from real.gateway import Gateway
    from real.pages import Pages

Door = Literal["rtc", "ws"]
PATIENCE = 30.0


class PageClient:
    """Speaks the protocol from a page; `open_janus` and `open` choose what carries it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def load(self, pages: Pages, path: str) -> None:
        """Load one of the pages and wait for its modules."""
        await self.page.goto(pages.url(path))
        await self.page.wait_for_function("window.pageReady")

    async def open(self, gateway: Gateway, door: Door, features: list[str] | None = None) -> dict[str, Any]:
        """Connect by a native door and say hello with these features; the welcome."""
        base = gateway.url if door == "rtc" else gateway.ws_url
        await self.call(f"{door}Open", base, gateway.token())
        hello = {"type": "hello", "features": features or []}
        if door == "ws":
            hello["token"] = gateway.token()
        return await self.call("client.ask", hello)

    async def request(self, method: str, path: str, **query: Any) -> dict[str, Any]:
        """An ARI request; the reply."""
        return await self.call("client.request", method, path, query)

    async def subscribe(self, sub: int = 1, **keys: list[str]) -> dict[str, Any]:
        """Subscribe with a filter; the reply."""
        return await self.call("client.subscribe", sub, keys)

    async def event(self, kind: str) -> dict[str, Any]:
        """Wait for the first event of a type."""
        await self.page.wait_for_function("(kind) => client.events.some((event) => event.type === kind)", arg=kind)
        return await self.page.evaluate("(kind) => client.events.find((event) => event.type === kind)", kind)

    async def story(self, channel: str, until: str) -> list[str]:
        """What happened to a channel, once this type of event is among it."""
        await self.page.wait_for_function(
            "([channel, kind]) => client.story(channel).includes(kind)", arg=[channel, until]
        )
        return await self.call("client.story", channel)

    async def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the page; Playwright itself would wait for its promise for ever."""
        async with asyncio.timeout(PATIENCE):
            return await self.page.evaluate(f"(given) => {function}(...given)", list(arguments))
