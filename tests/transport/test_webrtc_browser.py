"""Real Chromium, by plain RTCPeerConnection, with signalling over one POST."""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp.test_utils
import psutil
import pytest
from aiohttp import web
from aiortc.rtcsctptransport import StreamResetResponseParam
from real.browser import doomed_chromium
from real.machine import program
from real.wait import until
from webrtc_parts import DEADLINE, EchoEvents, engine

from aribridge.transport.webrtc import Peer, RtcEngine
from aribridge.transport.webrtc.dtls import DataDtls
from aribridge.transport.webrtc.fastpath.path import SIZES
from aribridge.transport.webrtc.ice import IceAgent
from aribridge.transport.webrtc.sctp import Association

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser, Page, Playwright

PAGE = """<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,"><script type="module">
const closed = (thing, event) => new Promise(done => thing.addEventListener(event, done, { once: true }));
const exchange = async (path, body) =>
  (await (await fetch(path, { method: "POST", body: JSON.stringify(body) })).json());
const arrivals = new EventTarget();
const settle = async pc => pc.setRemoteDescription(
  await exchange(pc.peer ? `/again/${pc.peer}` : "/offer", pc.localDescription).then(({ peer, ...answer }) => {
    pc.peer ??= peer;
    return answer;
  }));

window.connect = async ({ labels = ["one"], media = [], options = {}, wait = false, config = {}, trickle = false }) => {
  const pc = window.pc = new RTCPeerConnection(config);
  for (const kind of media) pc.addTransceiver(kind);
  window.inbox = [];
  window.ends = [];
  window.channels = labels.map(label => {
    const channel = pc.createDataChannel(label, options);
    channel.binaryType = "arraybuffer";
    channel.addEventListener("message", ({ data }) => {
      inbox.push([label, data]);
      arrivals.dispatchEvent(new Event("one"));
    });
    channel.addEventListener("close", () => ends.push(label));
    return channel;
  });
  const early = [];
  if (trickle) pc.addEventListener("icecandidate", ({ candidate }) => early.push(candidate));
  await pc.setLocalDescription();
  if (wait) while (pc.iceGatheringState !== "complete") await closed(pc, "icegatheringstatechange");
  await settle(pc);
  if (trickle) {
    while (pc.iceGatheringState !== "complete") await closed(pc, "icegatheringstatechange");
    for (const candidate of early) await exchange(`/trickle/${pc.peer}`, candidate);
  }
  await Promise.all(channels.map(channel => channel.readyState === "open" || closed(channel, "open")));
};
window.again = async () => { await pc.setLocalDescription(); await settle(pc); };
window.receive = async count => {
  while (inbox.length < count) await closed(arrivals, "one");
  return inbox.splice(0, count).map(([label, data]) => [label, typeof data === "string" ? data : data.byteLength]);
};
</script>"""

OUTCOME = """<script type="module">
window.outcome = (async () => {
  await connect({ labels: ["one", "two"], media: ["audio", "video"] });
  for (const data of ["", "äöü", new Uint8Array(0), new Uint8Array(65536), "x".repeat(65536)]) channels[1].send(data);
  const answers = await receive(5);
  await again();
  for (let i = 0; i < 300; i++) channels[1].send(`${i} ` + "x".repeat(i % 30 ? 200 : 16000));
  const burst = (await receive(300)).map(([, data]) => parseInt(data));
  if (burst.some((number, i) => number !== i)) throw new Error(`out of order: ${burst}`);
  channels[0].send("still here");
  const last = await receive(1);
  pc.close();
  return [...answers.map(([, data]) => data.length ?? data), ...last[0]];
})();
</script>"""


class Site:
    """The page and its signalling."""

    def __init__(self, rtc: RtcEngine) -> None:
        self.rtc = rtc
        self.events: list[EchoEvents] = []
        self.peers: dict[str, Peer] = {}
        self.offers: list[str] = []
        app = web.Application()
        app.add_routes([web.get("/", self._page), web.get("/outcome", self._outcome), web.post("/offer", self._offer)])
        app.add_routes([web.post("/again/{peer}", self._again), web.post("/trickle/{peer}", self._trickle)])
        self.server = aiohttp.test_utils.TestServer(app)

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def _outcome(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE + OUTCOME, content_type="text/html")

    async def _offer(self, request: web.Request) -> web.Response:
        self.offers.append((await request.json())["sdp"])
        self.events.append(EchoEvents())
        peer = await self.rtc.answer(self.offers[-1], self.events[-1])
        self.peers[peer.id] = peer
        return web.json_response({"type": "answer", "sdp": peer.sdp, "peer": peer.id})

    async def _again(self, request: web.Request) -> web.Response:
        sdp = await self.peers[request.match_info["peer"]].renegotiate((await request.json())["sdp"])
        return web.json_response({"type": "answer", "sdp": sdp})

    async def _trickle(self, request: web.Request) -> web.Response:
        await self.peers[request.match_info["peer"]].add_candidate(await request.json())
        return web.json_response({})


@asynccontextmanager
async def site(**settings: Any) -> AsyncIterator[Site]:
    async with engine(**settings) as rtc:
        running = Site(rtc)
        await running.server.start_server()
        try:
            yield running
        finally:
            await running.server.close()


async def visit(page: Page, where: Site, **how: Any) -> None:
    await page.goto(str(where.server.make_url("/")))
    await asyncio.wait_for(page.evaluate("how => connect(how)", how), DEADLINE)


def packet_sizes(where: Site) -> list[int]:
    """The bytes of the packets that the way to each browser was found to carry."""
    return [peer._sctp._path.packet for peer in where.peers.values()]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
async def plain_chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    """A Chromium with no flags, which hides its addresses behind mDNS names as users' browsers do."""
    browser = await playwright.chromium.launch(executable_path=program("chromium"))
    yield browser
    await browser.close()


@pytest.fixture
async def page(plain_chromium: Browser) -> AsyncIterator[Page]:
    page = await plain_chromium.new_page()
    yield page
    await page.close()


@pytest.mark.parametrize("how", [{}, {"wait": True}, {"trickle": True}], ids=["no candidates", "all", "trickled"])
async def test_candidates_in_every_way(page: Page, how: dict[str, Any]):
    async with site() as where:
        await visit(page, where, **how)
        if how.get("wait"):
            assert ".local" in where.offers[0]
        assert await page.evaluate("channels[0].send('hello'), receive(1)") == [["one", "hello"]]


async def test_text_binary_empty_and_64_kib(page: Page):
    async with site() as where:
        await visit(page, where)
        assert await page.evaluate("pc.sctp.maxMessageSize") == 65536
        sizes = await page.evaluate("""async () => {
          const [channel] = channels;
          const big = 65536;
          for (const data of ["", "äöü", new Uint8Array(0), new Uint8Array(big), "x".repeat(big)]) channel.send(data);
          return (await receive(5)).map(([, data]) => data);
        }""")
        assert sizes == ["", "äöü", 0, 65536, "x" * 65536]
        await until(lambda: packet_sizes(where) == [SIZES[0]])
        assert await page.evaluate(
            "(() => { try { channels[0].send('x'.repeat(65537)) } catch (e) { return e.name } })()"
        )


async def test_many_labels_and_a_negotiated_one(page: Page):
    labels = [f"label {number}" for number in range(30)]
    async with site() as where:
        await visit(page, where, labels=labels)
        answers = await page.evaluate("channels.forEach(c => c.send('to ' + c.label)), receive(30)")
        assert sorted(answers) == sorted([label, f"to {label}"] for label in labels)
        await page.evaluate("""new Promise(done => {
          const channel = pc.createDataChannel("mine", { negotiated: true, id: 100 });
          channel.onopen = () => channel.send("hello");
          channel.onmessage = done;
        })""")


async def test_a_call_with_audio_and_video_in_the_offer(page: Page):
    async with site() as where:
        await visit(page, where, media=["audio", "video"], config={"bundlePolicy": "max-bundle"})
        assert await page.evaluate("pc.getTransceivers().map(t => t.currentDirection)") == ["inactive", "inactive"]
        assert await page.evaluate("channels[0].send('hello'), receive(1)") == [["one", "hello"]]


async def test_a_later_offer_on_the_same_peer(page: Page):
    async with site() as where:
        await visit(page, where)
        await page.evaluate("pc.addTransceiver('audio'), again()")
        assert await page.evaluate("pc.signalingState") == "stable"
        assert await page.evaluate("channels[0].send('hello'), receive(1)") == [["one", "hello"]]


async def test_each_side_sees_the_other_leave(page: Page):
    async with site() as where:
        await visit(page, where, labels=["one", "two"])
        # To a browser a channel is open before anybody has heard of it.
        await until(lambda: len(where.events[0].receivers) == 2)
        await where.events[0].channels[0].close(1000, "done")
        await page.wait_for_function("ends.length === 1")
        await page.evaluate("channels[1].close()")
        await until(lambda: where.events[0].receivers[1].closed_with == ["Channel closed"])
        await page.evaluate("pc.close()")
        assert await where.events[0].reason() in {"Close PC", "DTLS alert"}

        await visit(page, where)
        await where.events[1].opened()
        await next(iter(peer for peer in where.peers.values() if peer.channels)).close("Janus API")
        await page.wait_for_function("ends.length === 1")


async def test_a_channel_where_another_was_closed_while_the_last_word_on_that_is_lost(page: Page):
    """The browser uses the stream again at once; its answer to our request to reset it never came."""
    async with site() as where:
        await visit(page, where)
        [association] = [peer._sctp for peer in where.peers.values()]
        take, lost = association._receive_reconfig_param, []

        async def faulty_take(param: Any) -> None:
            if isinstance(param, StreamResetResponseParam) and not lost:
                lost.append(param)
            else:
                await take(param)

        association._receive_reconfig_param = faulty_take  # type: ignore[method-assign]
        ids = await page.evaluate("""async () => {
          const [old] = channels;
          const { id } = old;
          old.close();
          await new Promise(done => old.onclose = done);
          const again = pc.createDataChannel("again");
          again.onmessage = ({ data }) => inbox.push(data);
          await new Promise(done => again.onopen = done);
          for (let i = 0; i < 20; i++) again.send(`${i}`);
          return [id, again.id];
        }""")
        assert lost
        assert ids[0] == ids[1]
        assert await page.wait_for_function("inbox.length === 20 && inbox.join()")
        assert where.events[0].reasons == []


async def test_a_closed_page_is_noticed_at_once(page: Page):
    async with site() as where:
        await visit(page, where)
        await page.goto("about:blank")
        assert await where.events[0].reason() != "ICE failed"
        await until(lambda: where.rtc.peers == 0)


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "stock"])
async def test_a_burst_keeps_its_order(page: Page, fast_path: bool):
    # All of it fits into what a channel takes at once: beyond that the echoes, a task each, overtake each other.
    async with site(fast_path=fast_path) as where:
        await visit(page, where)
        answers = await page.evaluate("""async () => {
          for (let i = 0; i < 600; i++)
            channels[0].send(JSON.stringify({ i, text: "x".repeat(i % 100 ? 200 : 16000) }));
          return (await receive(600)).map(([, data]) => JSON.parse(data).i);
        }""")
        assert answers == list(range(600))


async def test_killed_browsers_are_noticed_and_leave_nothing(playwright: Playwright):
    """With the default settings, within ten seconds of SIGKILL."""
    pages = 3
    async with site() as where:
        tasks = len(asyncio.all_tasks())
        sockets = len(psutil.Process().net_connections("udp"))
        async with doomed_chromium(playwright) as doomed:
            context = await doomed.browser.new_context()
            for _ in range(pages):
                await visit(await context.new_page(), where)
            assert where.rtc.peers == pages
            assert doomed.kill() > 1
            killed = time.monotonic()
            assert await asyncio.gather(*(e.reason(within=10) for e in where.events)) == ["ICE failed"] * pages
            assert time.monotonic() - killed < 10
            await until(lambda: where.rtc.peers == 0)
        assert all(receiver.closed_with == ["ICE failed"] for events in where.events for receiver in events.receivers)
        where.peers.clear()
        where.events.clear()
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        gc.collect()
        kinds = Peer | Association | DataDtls | IceAgent
        assert [thing for thing in gc.get_objects() if isinstance(thing, kinds)] == []
        assert len(psutil.Process().net_connections("udp")) <= sockets


async def test_firefox(firefox: Callable[[str], Awaitable[Any]]):
    async with site(bind=["0.0.0.0"]) as where:  # Firefox pairs its addresses with no loopback one
        outcome = await firefox(str(where.server.make_url("/outcome")))
        assert outcome[:7] == [0, 3, 0, 65536, 65536, "one", "still here"]
        assert packet_sizes(where) == [SIZES[0]]
        assert await where.events[0].reason() in {"Close PC", "DTLS alert"}
