"""The Janus door on a real server, a client that speaks its API in the raw, and a plugin made for looking inside."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from real.machine import free_port
from real.wait import until

from aribridge.auth import Authenticator, mint
from aribridge.auth.janus import sign
from aribridge.core.settings import AuthSettings, JanusAuthSettings, JanusSettings, JwtSettings, WebRtcSettings
from aribridge.janus import SUBPROTOCOL, JanusDoor, PluginInfo, Result, ServerInfo
from aribridge.janus.plugins.ari import AriPlugin
from aribridge.janus.plugins.echotest import EchoTestPlugin
from aribridge.protocol.problems import Problem
from aribridge.transport.turns import Turns
from aribridge.transport.webrtc import RtcEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from aribridge.core.principal import Principal
    from aribridge.janus import Channel, HandleContext, Jsep, PluginFactory
    from aribridge.transport.carrier import Carrier, Receiver

KEY = b"a key for tests that has thirty-two bytes and more"
SECRET = "the apisecret of the tests"
WITHIN = 30.0


def token(sub: str = "alice", *, seconds: float = 600, tenant: str | None = None) -> str:
    return mint(KEY, sub, seconds=seconds, tenant=tenant, ops=["*"])


def signed_token(*plugins: str, seconds: float = 600) -> str:
    return sign(SECRET.encode(), f"{int(time.time() + seconds)},janus,{','.join(plugins)}")


def authenticator(folder: Path) -> Authenticator:
    key, secret = folder / "jwt.key", folder / "secret"
    key.write_bytes(KEY)
    secret.write_text(SECRET)
    for file in (key, secret):
        file.chmod(0o600)
    janus = JanusAuthSettings(api_secret_file=str(secret), token_secret_file=str(secret))
    return Authenticator(AuthSettings(jwt=[JwtSettings(key_file=str(key))], janus=janus, leeway=0))


class Clock:
    """The time of sessions, which stands still but for what a test lets pass, and of tokens, which is as far ahead.

    A busy machine is late by seconds, and a session of a second would be over before the test has come to it.
    """

    def __init__(self) -> None:
        self.passed = 0.0

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds

    def monotonic(self) -> float:
        return self.passed

    def time(self) -> float:
        return time.time() + self.passed

    def datetimes(self) -> type[datetime]:
        """The class whose ``now`` is this clock's."""

        class Ahead(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.fromtimestamp(self.time(), tz)

        return Ahead


class ProbePlugin:
    """Does what the body of a message says, and notes what the door tells it."""

    info = PluginInfo("test.plugin.probe", "for tests")

    def __init__(self) -> None:
        self.handles: dict[int, ProbeHandle] = {}
        self.refuse = False

    def attach(self, context: HandleContext) -> ProbeHandle:
        if self.refuse:
            raise Problem("too_many_requests", "The probe takes no more handles.")
        self.handles[context.id] = ProbeHandle(context)
        return self.handles[context.id]


class ProbeHandle:
    def __init__(self, context: HandleContext) -> None:
        self.context = context
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.notes: list[str] = []
        self.go_on = asyncio.Event()

    async def message(self, body: Mapping[str, Any], jsep: Jsep | None, transaction: str) -> Result:
        self.begun.append(body)
        if body.get("wait"):
            await self.go_on.wait()
        if body.get("raise"):
            raise RuntimeError("as the test wishes")
        if jsep is not None:
            jsep = await self.context.negotiate(jsep)
        self.ended.append(body)
        return Result(body.get("kind", "async"), body.get("data", {"did": dict(body)}), jsep)

    def connected(self) -> None:
        self.notes.append("connected")

    def channel(self, channel: Channel) -> Receiver | None:
        raise RuntimeError("the probe takes no channels")

    def hangup(self, reason: str) -> None:
        self.notes.append(f"hangup {reason}")

    def detach(self) -> None:
        self.notes.append("detach")


@dataclass
class NamingHub:
    """Answers each frame of a connection with who sent it, on which channel."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)
    renewed: list[Callable[[Principal], None]] = field(default_factory=list)

    def accept(
        self, carrier: Carrier, principal: Principal, address: str, renewed: Callable[[Principal], None]
    ) -> NamingConnection:
        self.renewed.append(renewed)
        return NamingConnection(self, carrier, principal)


@dataclass
class NamingConnection:
    hub: NamingHub
    carrier: Carrier
    principal: Principal

    def received(self, frame: str | bytes) -> bool:
        text = f"{self.principal.sub} said {frame!r} on {self.carrier.peer.rpartition('/')[2]}"
        task = asyncio.create_task(self.carrier.send(text))
        self.hub.tasks.add(task)
        task.add_done_callback(self.hub.tasks.discard)
        return True

    def closed(self, reason: str) -> None:
        self.hub.closed.append(reason)


class RawClient:
    """A WebSocket client that knows nothing but JSON and transactions."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, credentials: Mapping[str, str]) -> None:
        self.ws = ws
        self.credentials = dict(credentials)
        self.inbox: list[dict[str, Any]] = []
        self._ids = itertools.count(1)

    async def next(self, fits: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first message that fits, of those not taken yet."""
        async with asyncio.timeout(WITHIN):
            while True:
                for message in self.inbox:
                    if fits(message):
                        self.inbox.remove(message)
                        return message
                frame = await self.ws.receive()
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"{frame.type} {frame.data} {frame.extra}")
                self.inbox.append(json.loads(frame.data))

    async def send(self, janus: str, **fields: Any) -> str:
        transaction = f"t{next(self._ids)}"
        request = {"janus": janus, "transaction": transaction, **self.credentials, **fields}
        await self.ws.send_str(json.dumps(request))
        return transaction

    async def ask(self, janus: str, **fields: Any) -> dict[str, Any]:
        """Send a request and take its reply, not an event of the same transaction."""
        transaction = await self.send(janus, **fields)
        return await self.next(lambda it: it.get("transaction") == transaction and it["janus"] != "event")

    async def event(self, janus: str) -> dict[str, Any]:
        return await self.next(lambda it: it["janus"] == janus and "sender" in it)

    async def create(self, **fields: Any) -> int:
        return (await self.ask("create", **fields))["data"]["id"]

    async def attach(self, session: int, plugin: str = ProbePlugin.info.name) -> dict[str, int]:
        """Attach; returns the address of the handle, to be spread into requests."""
        reply = await self.ask("attach", session_id=session, plugin=plugin)
        return {"session_id": session, "handle_id": reply["data"]["id"]}


@dataclass
class Rig:
    door: JanusDoor
    rtc: RtcEngine
    probe: ProbePlugin
    hub: NamingHub
    port: int
    http: aiohttp.ClientSession
    server: web.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/janus"

    def probe_of(self, address: Mapping[str, int]) -> ProbeHandle:
        return self.probe.handles[address["handle_id"]]

    @asynccontextmanager
    async def client(self, credentials: Mapping[str, str] | None = None) -> AsyncIterator[RawClient]:
        credentials = {"token": token()} if credentials is None else credentials
        url = f"ws://127.0.0.1:{self.port}/any/path"
        async with self.http.ws_connect(url, protocols=[SUBPROTOCOL]) as ws:
            assert ws.protocol == SUBPROTOCOL
            yield RawClient(ws, credentials)

    async def post(
        self, path: str = "", *, credentials: Mapping[str, str] | None = None, **body: Any
    ) -> dict[str, Any]:
        credentials = {"token": token()} if credentials is None else credentials
        message = {"transaction": "t", **credentials, **body}
        async with self.http.post(self.url + path, data=json.dumps(message)) as response:
            assert response.status == 200
            return await response.json()

    async def poll(self, session: int, **query: Any) -> Any:
        params = {"token": token(), "rid": "1", **query}
        async with self.http.get(f"{self.url}/{session}", params=params) as response:
            return await response.json() if response.status == 200 else response.status


@asynccontextmanager
async def serving(
    folder: Path, more: Iterable[PluginFactory] = (), *, grace: float = 0.5, **settings: Any
) -> AsyncIterator[Rig]:
    """Run a door with these settings and `more` plugins, and see to it that nothing of it is left."""
    before = asyncio.all_tasks()
    rtc = RtcEngine(WebRtcSettings(), frame=65536, default_address=("127.0.0.1", free_port()))
    await rtc.start()
    probe, hub = ProbePlugin(), NamingHub()
    plugins = {plugin.info.name: plugin for plugin in (probe, AriPlugin(hub), EchoTestPlugin(), *more)}
    info = ServerInfo(version="1.2.3", server_name="test")
    door = JanusDoor(
        JanusSettings(**settings),
        authenticator(folder),
        rtc,
        plugins,
        info,
        lambda payers, cost: None,
        Turns(),
        grace=grace,
    )
    application = web.Application()
    application.add_routes([*door.routes(), web.get("/any/path", door.websocket)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await door.start()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        assert runner.server is not None
        yield Rig(door, rtc, probe, hub, runner.addresses[0][1], http, runner.server)
        async with asyncio.timeout(WITHIN):
            await door.stop()
    assert door.sessions == 0
    assert rtc.peers == 0
    await runner.cleanup()
    await rtc.stop()
    await until(lambda: not asyncio.all_tasks() - before - {asyncio.current_task()}, what="no task is left")


class Caller:
    """The client's side of a peer connection."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.pc.on("datachannel", self.listen)

    def listen(self, channel: Any) -> Any:
        channel.on("message", lambda message: self.heard.put_nowait((channel.label, message)))
        return channel

    async def open(self, label: str = "JanusDataChannel") -> Any:
        """A channel of ours, and a future of its being open."""
        channel = self.listen(self.pc.createDataChannel(label))
        opened = asyncio.get_running_loop().create_future()
        channel.on("open", lambda: opened.set_result(channel))
        return channel, opened

    async def offer(self) -> dict[str, str]:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.local()

    async def answer(self, jsep: Mapping[str, str]) -> dict[str, str]:
        await self.accept(jsep)
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self.local()

    async def accept(self, jsep: Mapping[str, str]) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(jsep["sdp"], jsep["type"]))

    def local(self) -> dict[str, str]:
        return {"type": self.pc.localDescription.type, "sdp": self.pc.localDescription.sdp}

    async def hear(self) -> tuple[str, Any]:
        async with asyncio.timeout(WITHIN):
            return await self.heard.get()
