"""Every code block of the documentation that says `run` is run, against the real gateway and a real Asterisk.

A comment before the block says what must be printed (`expect`), and what happens meanwhile (`call`: somebody calls).
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import pytest
from real.machine import ROOT
from real.wait import until
from web.kit import bundle, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from playwright.async_api import Page
    from real.gateway import Gateway
    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

PAGES = ("clients.md", "telephony.md", "recipes/*.md", "janus.md")
BLOCK = re.compile(r"((?:<!-- .*? -->\n)*)```(\w+) run\n(.*?)```", re.DOTALL)
NOTE = re.compile(r"<!-- (expect|meanwhile): (.*?) -->")
PROMPT = 20.0


@dataclass(frozen=True)
class Block:
    """One block of a page: its language, its text, and what is noted about it."""

    name: str
    language: str
    text: str
    expect: str
    meanwhile: str

    def on(self, gateway: Gateway) -> str:
        """The block with the gateway's address in it."""
        text = self.text.replace("https://gateway.example", gateway.url)
        return text.replace("wss://gateway.example", gateway.ws_url)


def blocks() -> Iterator[Block]:
    for page in sorted(path for pattern in PAGES for path in (ROOT / "docs").glob(pattern)):
        for number, (notes, language, text) in enumerate(BLOCK.findall(page.read_text()), 1):
            noted = dict(NOTE.findall(notes))
            name = f"{page.relative_to(ROOT / 'docs').with_suffix('')}-{number}"
            yield Block(name, language, text, noted.get("expect", ""), noted.get("meanwhile", ""))


BLOCKS = list(blocks())


def of(*languages: str) -> pytest.MarkDecorator:
    chosen = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=[block.name for block in chosen])


def test_no_code_goes_unrun() -> None:
    """What is left out is wire format, output, and the one recipe prelude that every run has before it."""
    left = [
        (path.name, language)
        for path in (ROOT / "docs").rglob("*.md")
        if path.name in {"clients.md", "telephony.md"} or path.parent.name == "recipes"
        for language in re.findall(r"^```(\w+)$", path.read_text(), re.MULTILINE)
    ]
    assert left == [("README.md", "js")]
    assert len(BLOCKS) >= 17


@of("js")
async def test_javascript(
    block: Block,
    page: Page,
    gateway: Gateway,
    asterisk22: PrivateAsterisk,
    project: Path,
    pages: Pages,
    client_url: str,
    hang_up: Callable[[], Awaitable[None]],
) -> None:
    name = block.name.replace("/", "-")
    # Answered, it shows that the gateway has what the block subscribed to before.
    heard = "\nawait bridge.ari.asterisk.ping();" if block.meanwhile else ""
    await bundle(project, name, f"{prelude(block, gateway)}{block.on(gateway)}{heard}\nwindow.finished = true;")
    printed: list[str] = []
    page.on("console", lambda message: printed.append(message.text))
    await page.goto(pages.url(f"project/{name}.html"))
    try:
        await page.wait_for_function("window.finished")
        async with meanwhile(block, asterisk22):
            await until(
                lambda: re.search(block.expect, "\n".join(printed)), within=PROMPT, what=f"{block.expect} in {printed}"
            )
    finally:
        await hang_up()


HOLD_BACK = """
const { set } = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, "onmessage");
Object.defineProperty(RTCDataChannel.prototype, "onmessage", {
  set(listener) {
    const held = [];
    set.call(this, listener && (({ data }) => {
      for (const message of [JSON.parse(data)].flat()) {
        const pass = () => listener({ data: JSON.stringify(message) });
        if (message.body?.media_uri) held.push(pass);
        else pass();
        if (message.data?.type === "PlaybackFinished") held.splice(0).forEach((pass) => pass());
      }
    }));
  },
});
"""


async def test_a_playback_may_be_over_before_the_reply_to_it_comes(
    page: Page,
    gateway: Gateway,
    asterisk22: PrivateAsterisk,
    project: Path,
    pages: Pages,
    client_url: str,
    hang_up: Callable[[], Awaitable[None]],
) -> None:
    """A channel that holds the reply back: replies and events have no order between them."""
    [block] = [block for block in BLOCKS if block.name == "recipes/answer-and-play-1"]
    await page.add_init_script(HOLD_BACK)
    await test_javascript(block, page, gateway, asterisk22, project, pages, client_url, hang_up)


def prelude(block: Block, gateway: Gateway) -> str:
    """What the page says comes before its blocks."""
    token = f'const token = "{gateway.token()}";\n'
    if block.name.startswith("clients") or block.name.startswith("janus"):
        return token
    return (
        f'import {{ connect }} from "{gateway.url}/aribridge.js";\n{token}const bridge = await connect({{ token }});\n'
    )


class meanwhile:  # noqa: N801
    """While the block runs, what it waits for happens: `call 7000` is a call that the dialplan hands over."""

    def __init__(self, block: Block, asterisk: PrivateAsterisk) -> None:
        self._number = block.meanwhile.removeprefix("call ")
        self._asterisk = asterisk

    async def __aenter__(self) -> None:
        if self._number:
            params = {"endpoint": f"Local/{self._number}@default", "extension": "600", "context": "default"}
            headers = {"Authorization": aiohttp.encode_basic_auth(self._asterisk.user, self._asterisk.password)}
            async with (
                aiohttp.ClientSession(headers=headers) as http,
                http.post(f"{self._asterisk.ari_url}/channels", params={**params, "priority": "1"}) as response,
            ):
                assert response.status == 200

    async def __aexit__(self, *_: object) -> None:
        pass


@of("python", "sh")
async def test_programs(block: Block, gateway: Gateway, tmp_path: Path, hang_up: Callable[[], Awaitable[None]]) -> None:
    program = [sys.executable, "-c"] if block.language == "python" else ["sh", "-c"]
    try:
        printed = await run(*program, block.on(gateway), cwd=tmp_path, TOKEN=gateway.token())
    finally:
        await hang_up()
    assert re.search(block.expect, printed)
