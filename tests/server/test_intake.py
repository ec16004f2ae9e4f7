"""What connections say is taken in by turns, and connections that stay are bounded."""

import asyncio
import contextlib
import json
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from real.gateway import target
from real.machine import free_port
from real.wait import until
from real.wsclient import greeted
from websockets.frames import Frame, Opcode

from aribridge.core.settings import LimitSettings
from aribridge.server.http import runner
from aribridge.server.intake import Paced, let_sockets_go
from aribridge.server.newcomers import Newcomers
from aribridge.server.site import PublicSite
from aribridge.transport.turns import Turns
from aribridge.transport.upgrade import accept

MOST = 3
MANY, FLOOD = 50, 10_000
DEADLINE = 30.0
GET = b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
NO_BODY = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


@pytest.fixture(scope="module")
async def gateway(asterisk22, tmp_path_factory):
    from real.gateway import Gateways

    gateways = Gateways(tmp_path_factory.mktemp("intake"))
    yield await gateways.start(target(asterisk22), limits={"handshakes": MOST})
    await gateways.stop()


@pytest.mark.parametrize("said", [GET, NO_BODY % b"/janus", NO_BODY % b"/none"], ids=["answered", "body", "both"])
async def test_connections_that_stay_are_bounded(gateway, said):
    """Else a stranger has all open files, after one request for each."""
    async with greeted(gateway.url, gateway.token()) as client:
        connections = []
        for _ in range(2 * MOST):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(said)
            connections.append((reader, writer))
            # One after the other: the oldest of them goes.
            assert (await client.request("GET", "/asterisk/info"))["status"] == 200
        async with asyncio.timeout(DEADLINE):
            for reader, _ in connections[:MOST]:
                with contextlib.suppress(ConnectionResetError):
                    await reader.read()
        assert not [reader for reader, _ in connections[MOST:] if reader.at_eof()]
        assert (await client.request("GET", "/asterisk/info"))["status"] == 200
        for _, writer in connections:
            writer.close()


async def test_who_waits_for_an_answer_is_not_cut_for_others():
    """As pages do that all post at once when a gateway is back."""
    newcomers, may_answer, asked = Newcomers(LimitSettings(handshakes=MOST)), asyncio.Event(), []

    async def slow(request: web.Request) -> web.Response:
        asked.append(await request.read())
        await may_answer.wait()
        return web.Response(text="answered")

    app = web.Application(middlewares=[newcomers.middleware()])
    app.router.add_post("/slow", slow)
    app.on_response_prepare.append(newcomers.answered)
    served = runner(app)
    await served.setup()
    port = free_port()
    await PublicSite(served, "127.0.0.1", port, newcomers, Turns(), None).start()
    url = f"http://127.0.0.1:{port}/slow"
    async with aiohttp.ClientSession() as http, asyncio.timeout(DEADLINE), asyncio.TaskGroup() as posting:
        posts = []
        for _ in range(3 * MOST):
            posts.append(posting.create_task(http.post(url, data=b"x" * 10)))
            await until(lambda: len(asked) == len(posts))
        may_answer.set()
    assert [post.result().status for post in posts] == [200] * len(posts)
    await served.cleanup()


async def test_a_websocket_has_no_place_among_those_that_may_send_another_request():
    """Not even if a body was announced with it: it would keep its place when it is long gone, and others be cut."""
    newcomers, turns = Newcomers(LimitSettings(handshakes=MOST)), Turns()

    async def connect(request: web.Request) -> web.StreamResponse:
        receiver = SimpleNamespace(received=lambda _: True, closed=lambda _: None)
        return await accept(request, lambda _: receiver, turns, protocol="test", most=FLOOD)

    app = web.Application(middlewares=[newcomers.middleware()])
    app.router.add_get("/", connect)
    app.on_response_prepare.extend([let_sockets_go, newcomers.answered])
    served = runner(app)
    await served.setup()
    port = free_port()
    await PublicSite(served, "127.0.0.1", port, newcomers, turns, None).start()
    newcomer, speak = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(DEADLINE):
        for _ in range(2 * MOST):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(UPGRADE % b"/" + b"Sec-WebSocket-Protocol: test\r\nContent-Length: 10\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.close()
        speak.write(GET)
        assert (await newcomer.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
    speak.close()
    await served.cleanup()


@pytest.mark.parametrize("size", [1, 30_000])
async def test_a_body_in_chunks_of_any_size_arrives_whole(gateway, size):
    """And what comes behind it, in the same packet, is the next request."""
    body = b'{"janus":"ping","transaction":"' + b"x" * 30_000 + b'"}'
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(body[at : at + size]), body[at : at + size]) for at in range(0, len(body), size)
    )
    head = b"POST /janus HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write((head + chunks + b"0\r\n\r\n") * 2 + b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(DEADLINE):
        answers = await reader.read()
    assert answers.count(b'"janus":"pong"') == 2
    assert b"HTTP/1.1 404" in answers
    writer.close()


async def test_what_a_client_asks_over_its_rate_does_not_go_before_what_others_ask(asterisk22, gateways):
    """To refuse it takes time, too."""
    gateway = await gateways.start(target(asterisk22), limits={"rate": 50, "burst": 500})
    upgrade = UPGRADE % b"/v1/ws" + b"Sec-WebSocket-Protocol: aribridge.v1\r\n\r\n"
    hello, ping, last = (
        Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True)
        for message in (
            {"type": "hello", "id": 1, "token": gateway.token()},
            {"type": "ping", "t": 1},
            {"type": "subscribe", "id": "last", "sub": 1, "target": "pbx"},
        )
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1 << 24)
    async with greeted(gateway.url, gateway.token()) as other, asyncio.timeout(DEADLINE):
        writer.write(upgrade + hello + ping * FLOOD + last)
        await reader.readuntil(b"too_many_requests")
        refused = asyncio.create_task(reader.readuntil(b'"last"'))
        for _ in range(10):
            assert (await other.request("GET", "/asterisk/info"))["status"] == 200
        assert not refused.done()
        await refused
        writer.close()


class Connection:
    """One that takes a millisecond for each piece, and its transport."""

    _reading_paused = False

    def __init__(self, turns: Turns, taken: list, clock: SimpleNamespace) -> None:
        self.data, self.is_read, self.is_lost = b"", True, False
        self._taken, self._clock = taken, clock
        self.paced = Paced(self, turns, lambda: None)
        self.paced.connection_made(self)

    def connection_made(self, transport) -> None: ...

    def connection_lost(self, reason) -> None:
        self.is_lost = True

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._clock.now += 0.001
        self._taken.append((self, self._clock.turn))

    def set_protocol(self, protocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.is_lost

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


async def test_what_comes_at_once_is_taken_in_by_turns():
    clock, taken = SimpleNamespace(now=0.0, turn=0), []
    intake = Turns(lambda: clock.now)
    connections = [Connection(intake, taken, clock) for _ in range(MANY)]
    data = bytes(range(256)) * 100
    for connection in connections:
        connection.paced.data_received(data)
    assert not any(connection.is_read for connection in connections)
    connections[-1].paced.connection_lost(None)
    while not all(connection.is_read for connection in connections[:-1]):
        await asyncio.sleep(0)
        clock.turn += 1
    assert all(connection.data == data for connection in connections[:-1])
    assert connections[-1].data == b""
    turns = [turn for _, turn in taken]
    assert max(turns.count(turn) for turn in set(turns)) <= 5
    # None waits for another's end.
    assert len({connection for connection, _ in taken[:MANY]}) == MANY - 1


async def test_who_is_alone_is_not_kept_waiting():
    clock, taken = SimpleNamespace(now=0.0, turn=0), []
    connection = Connection(Turns(lambda: clock.now), taken, clock)
    connection.paced.data_received(b"x")
    assert (connection.data, connection.is_read) == (b"x", True)


async def test_what_aiohttp_has_paused_stays_paused():
    clock = SimpleNamespace(now=0.0, turn=0)
    connection = Connection(Turns(lambda: clock.now), [], clock)
    connection._reading_paused, connection.is_read = True, False
    connection.paced.data_received(b"x")
    assert not connection.is_read


@pytest.mark.parametrize("size", [1, 10_000], ids=["all taken", "some of it untaken"])
async def test_a_websocket_goes_past_the_turns_with_all_that_came_before(size):
    """Its messages are bounded, and each would pay for the way round."""
    clock = SimpleNamespace(now=0.0, turn=0)
    connection = Connection(Turns(lambda: clock.now), [], clock)
    connection.paced.data_received(b"x" * size)
    connection.paced.become_socket()
    assert connection.protocol is connection
    assert connection.data == b"x" * size
    assert connection.is_read
