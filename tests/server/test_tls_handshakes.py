"""TLS handshakes: bounded while they last, one to a turn of the event loop, in whatever pieces they come."""

import asyncio
import contextlib
import socket
import ssl
from collections import Counter

import pytest
from real.certificates import make_pair
from real.gateway import target

from aribridge.core.settings import LimitSettings
from aribridge.server.handshakes import Handshakes
from aribridge.server.newcomers import Newcomers

MOST = 3
MANY = 30
DEADLINE = 30.0
REQUEST = b"GET /aribridge.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Shaking:
    """The client's half of a handshake, whose bytes are sent by hand."""

    def __init__(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out)

    def step(self, received: bytes = b"") -> bytes:
        """What is to be sent after that was received."""
        self._in.write(received)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._out.read()

    def asks(self, request: bytes) -> bytes:
        self.tls.write(request)
        return self._out.read()

    def read(self, received: bytes) -> bytes:
        self._in.write(received)
        text = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            while piece := self.tls.read(65536):
                text += piece
        return text


@pytest.fixture(scope="module")
async def gateway(asterisk22, tmp_path_factory):
    from real.gateway import Gateways

    folder = tmp_path_factory.mktemp("tls")
    pair = make_pair(folder, "server")
    gateways = Gateways(folder)
    server = {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}
    limits = {"handshakes": MOST, "header_seconds": 120.0}
    yield await gateways.start(target(asterisk22), server=server, limits=limits)
    await gateways.stop()


@pytest.mark.parametrize("said", [b"", Shaking().step()[:7]], ids=["silent", "half a greeting"])
async def test_connections_in_a_handshake_are_bounded(gateway, said):
    """Where one more comes than there may be, the one that has been there for longest goes."""
    connections = []
    for _ in range(2 * MOST):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(said)
        connections.append((reader, writer))
    async with asyncio.timeout(DEADLINE):
        for reader, _ in connections[:MOST]:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read(1) == b""
    assert not [reader for reader, _ in connections[MOST:] if reader.at_eof()]
    for _, writer in connections:
        writer.close()


@pytest.mark.parametrize("piece", [1, 100, 100_000])
async def test_a_handshake_comes_in_any_pieces_and_the_request_right_behind_it(gateway, piece):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = Shaking()

    async def send(data: bytes) -> None:
        for start in range(0, len(data), piece):
            writer.write(data[start : start + piece])
            await asyncio.sleep(0)

    await send(client.step())
    async with asyncio.timeout(DEADLINE):
        while not (last := client.step(await reader.read(65536))):
            pass
        await send(last + client.asks(REQUEST))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.read(await reader.read(65536))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\nStrict-Transport-Security:" in answer
    writer.close()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", bytes(1000), b"\x16\x03\x01\xff\xff" + bytes(100_000)])
async def test_what_is_no_tls_is_cut(gateway, said):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(said)
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in await reader.read()
    writer.close()
    assert not [line for line in gateway.log if "Traceback" in line or '"level": "error"' in line]


async def test_greetings_that_come_at_once_are_answered_in_turns(tmp_path):
    pair = make_pair(tmp_path, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    turn, answered = [0], []
    context.sni_callback = lambda *_: answered.append(turn[0])
    handshakes = Handshakes(context, Newcomers(LimitSettings()), lambda: None)
    server = await asyncio.get_running_loop().create_server(handshakes.accept, "127.0.0.1", 0)
    greetings = []
    for _ in range(MANY):
        connection = socket.create_connection(server.sockets[0].getsockname())
        connection.sendall(Shaking().step())
        greetings.append(connection)
    async with asyncio.timeout(DEADLINE):
        while len(answered) < MANY:
            await asyncio.sleep(0)
            turn[0] += 1
    assert set(Counter(answered).values()) == {1}
    for connection in greetings:
        connection.close()
    await handshakes.stop()
    server.close()
