"""The data channel, measured in the page itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import async_playwright
from real.browser import FLAGS
from real.client import PageClient
from real.machine import program

from bench.figures import show, spread

if TYPE_CHECKING:
    from real.gateway import Gateway
    from real.pages import Pages

OPEN = """async ([url, token, count]) => {
  const times = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await rtcOpen(url, token);
    times.push(performance.now() - started);
    if (i < count - 1) peer.close();
  }
  return times;
}"""
PINGS = """async (count) => {
  const times = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await client.request("GET", "/asterisk/ping");
    times.push(performance.now() - started);
  }
  return times;
}"""
FLIGHT = """async ([count, inflight]) => {
  const started = performance.now();
  const worker = async () => {
    for (let i = 0; i < count / inflight; i++) await client.request("GET", "/asterisk/ping");
  };
  await Promise.all(Array.from({ length: inflight }, worker));
  return 1000 * count / (performance.now() - started);
}"""


async def measure(gateway: Gateway, pages: Pages) -> None:
    """Time to open a channel, ARI pings one at a time and 16 in flight."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("chromium"), args=list(FLAGS))
        client = PageClient(await browser.new_page())
        await client.load(pages, "pages/plain.html")
        opened = await client.page.evaluate(OPEN, [gateway.url, gateway.token(), 20])
        show("data channel: from the page's call to open", spread(opened))
        show("data channel: ARI ping, one at a time", spread(await client.page.evaluate(PINGS, 1000)))
        show("data channel: ARI ping, 16 in flight", f"{await client.page.evaluate(FLIGHT, [4000, 16]):,.0f}/s")
        await browser.close()
