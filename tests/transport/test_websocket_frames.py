"""What clients send on a WebSocket, byte for byte: whole and broken (RFC 6455 section 5)."""

import asyncio
import gc
import socket
import weakref
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real.wait import until
from websockets.frames import Close, Frame, Opcode

from aribridge.transport import upgrade, websocket
from aribridge.transport.turns import Turns

LIMIT = 4096
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: test\r\n\r\n"
)
FLOOD, MANY = 20_000, 100_000


class Receiver:
    """Keeps what it is told."""

    def __init__(self):
        self.got, self.ends = [], []

    def received(self, frame):
        assert not self.ends
        self.got.append(frame)
        return True

    def closed(self, reason):
        self.ends.append(reason)


class Raw:
    """A client that sends any bytes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, *frames, mask=True):
        self.writer.write(b"".join(frame.serialize(mask=mask) for frame in frames))

    async def frame(self):
        """The next one: opcode and what is in it."""
        head = await self.reader.readexactly(2)
        assert head[1] < 126, "no test here is sent more at once"
        return Opcode(head[0] & 15), await self.reader.readexactly(head[1])


@asynccontextmanager
async def listening():
    """A server; what each of its connections was: request, carrier, receiver."""
    accepted, turns = [], Turns()

    async def accept(request):
        def receive(carrier):
            accepted.append((weakref.ref(request), carrier, Receiver()))
            return accepted[-1][2]

        return await upgrade.accept(request, receive, turns, protocol="test", most=LIMIT)

    application = web.Application()
    application.router.add_get("/", accept)
    async with TestServer(application) as server, asyncio.timeout(60):
        yield server, accepted


@asynccontextmanager
async def dialled(server, first=b""):
    """A client, whose upgrade is answered. ``first`` comes with the request, as it must not."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(UPGRADE + first)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def connected(first=b""):
    async with listening() as (server, accepted), dialled(server, first) as client:
        yield client, *accepted[0]


def text(message, *, fin=True):
    return Frame(Opcode.TEXT, message.encode(), fin)


EMPTY = Frame(Opcode.CONT, b"", False)


MESSAGES = st.lists(st.one_of(st.text(max_size=300), st.binary(max_size=300)), max_size=6)


@given(messages=MESSAGES, rolls=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
async def test_messages_arrive_whole_however_they_are_cut(messages, rolls):
    """Into frames, with pings between them, and into packets."""
    data, pings = b"", []
    for message in messages:
        opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
        rest = message.encode() if isinstance(message, str) else message
        while True:
            size = rolls.choice([0, 1, 7, 300])
            piece, rest, last = rest[:size], rest[size:], size == 300
            data += Frame(opcode, piece, last).serialize(mask=True)
            if last:
                break
            opcode = Opcode.CONT
            if rolls.random() < 0.3:
                pings.append(b"%d" % len(pings))
                data += Frame(Opcode.PING, pings[-1]).serialize(mask=True)
    data += Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True)
    async with connected() as (client, _, _, receiver):
        while data:
            size = rolls.choice([1, 2, 5, 100, 5000])
            client.writer.write(data[:size])
            data = data[size:]
            await asyncio.sleep(0)
        assert [await client.frame() for _ in pings] == [(Opcode.PONG, ping) for ping in pings]
        assert await client.frame() == (Opcode.CLOSE, b"\x03\xe8")
        assert await client.reader.read() == b""
        assert receiver.got == messages
        assert receiver.ends == ["websocket closed (1000)"]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([Frame(Opcode.TEXT, b"\xff")], 1007),
        ([Frame(Opcode.TEXT, b"\xc3", False), Frame(Opcode.CONT, b"x")], 1007),
        ([text("x" * (LIMIT + 1))], 1009),
        ([text("x" * (LIMIT - 9), fin=False), Frame(Opcode.CONT, b"x" * 10)], 1009),
        ([Frame(Opcode.CONT, b"x")], 1002),
        ([text("x", fin=False), text("y")], 1002),
        ([Frame(Opcode.CLOSE, b"\x03")], 1002),
        ([Frame(Opcode.CLOSE, b"\x03\xed")], 1002),
    ],
    ids=["utf-8", "utf-8 over two", "large", "large in parts", "no begin", "no end", "half a code", "no code to send"],
)
async def test_what_breaks_the_rules_ends_it_after_what_came_before(frames, code):
    async with connected() as (client, _, carrier, receiver):
        client.send(text("before"), *frames, text("after"))
        opcode, said = await client.frame()
        assert (opcode, int.from_bytes(said[:2])) == (Opcode.CLOSE, code)
        assert await client.reader.read() == b""
        assert receiver.got == ["before"]
        assert receiver.ends == [f"websocket closed ({code})"]
        with pytest.raises(websocket.CarrierClosed):
            carrier.send_now(["late"])


@pytest.mark.parametrize("broken", [b"\x81\x01x", b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x09\x80\0\0\0\0"])
async def test_frames_that_no_browser_makes_end_it(broken):
    """Unmasked, compressed though that was declined, of no known kind, a ping in parts."""
    async with connected() as (client, _, _, receiver):
        client.writer.write(broken)
        opcode, said = await client.frame()
        assert (opcode, int.from_bytes(said[:2])) == (Opcode.CLOSE, 1002)
        assert await client.reader.read() == b""
        assert receiver.got == []


async def test_a_message_of_a_byte_in_each_frame_takes_no_longer_than_its_bytes():
    """Copied for each it would be hundreds of megabytes of them."""
    async with connected() as (client, _, _, receiver):
        frames = [Frame(Opcode.CONT, b"x", False)] * (LIMIT - 2)
        client.send(text("x", fin=False), *frames, Frame(Opcode.CONT, b"x"))
        await until(lambda: receiver.got)
        assert receiver.got == ["x" * LIMIT]


async def test_a_client_that_leaves_without_a_word_is_gone():
    async with connected() as (client, _, _, receiver):
        client.writer.close()
        await until(lambda: receiver.ends)
        assert receiver.ends == ["websocket closed (1006)"]


async def test_a_client_that_says_no_code_has_none():
    async with connected() as (client, _, _, receiver):
        client.send(Frame(Opcode.CLOSE, b""))
        assert await client.frame() == (Opcode.CLOSE, b"")
        await until(lambda: receiver.ends)
        assert receiver.ends == ["websocket closed (1005)"]


async def test_what_comes_with_the_request_is_not_lost():
    """A client has to wait for the answer (section 4.1), but is not punished for it."""
    early = text("early").serialize(mask=True) + text("half").serialize(mask=True)
    async with connected(early[:-2]) as (client, _, _, receiver):
        client.writer.write(early[-2:])
        await until(lambda: len(receiver.got) == 2)
        assert receiver.got == ["early", "half"]


async def test_nothing_of_the_request_stays():
    """It takes more memory than all that the gateway keeps for a client."""
    async with connected() as (client, request, _, receiver):
        client.send(text("here"))
        await until(lambda: receiver.got)
        gc.collect()
        assert request() is None


async def test_who_reads_no_pongs_is_read_no_further():
    """Else they would pile up without end."""
    async with connected() as (client, _, carrier, receiver):
        for transport in (client.writer.transport, carrier._transport):
            for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, buffer, 8192)
        ping, sent = Frame(Opcode.PING, b"p" * 120), 0
        with suppress(TimeoutError):
            while sent < MANY:
                client.send(*[ping] * 100)
                sent += 100
                await asyncio.wait_for(client.writer.drain(), 1)
        assert sent < MANY
        client.send(text("behind"))
        for _ in range(sent):
            assert await client.frame() == (Opcode.PONG, ping.data)
        await until(lambda: receiver.got)
        assert receiver.got == ["behind"]


async def test_a_silent_client_that_answers_pings_stays(monkeypatch):
    monkeypatch.setattr(websocket, "_HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(websocket, "_PONG_SECONDS", 3.0)
    async with connected() as (client, _, _, receiver):
        assert await client.frame() == (Opcode.PING, b"")
        client.send(Frame(Opcode.PONG, b""))
        assert await client.frame() == (Opcode.PING, b"")
        assert receiver.ends == []


async def test_a_silent_client_that_answers_no_ping_is_cut(monkeypatch):
    monkeypatch.setattr(websocket, "_HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(websocket, "_PONG_SECONDS", 0.1)
    async with connected() as (client, _, _, receiver):
        assert await client.frame() == (Opcode.PING, b"")
        await until(lambda: receiver.ends)
        assert receiver.ends == ["websocket closed (1006)"]


async def test_a_client_that_is_not_read_is_not_cut_for_its_silence(monkeypatch):
    """Its answer to the ping may have come; requests that wait long hold up those behind them for minutes."""
    monkeypatch.setattr(websocket, "_HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(websocket, "_PONG_SECONDS", 0.1)
    async with connected() as (client, _, carrier, receiver):
        carrier.hold(on=True)
        client.send(text("waits"))
        for _ in range(3):
            assert await client.frame() == (Opcode.PING, b"")
        assert receiver.got == receiver.ends == []
        carrier.hold(on=False)
        await until(lambda: receiver.got)
        assert receiver.got == ["waits"]


async def test_who_answers_a_ping_does_not_rest_for_it_but_for_answers_to_none(monkeypatch):
    """Each silent client would wait a moment every half a minute: among those that flood, for its next message."""
    monkeypatch.setattr(websocket, "_HEARTBEAT_SECONDS", 0.1)
    async with connected() as (client, _, carrier, _):
        assert await client.frame() == (Opcode.PING, b"")
        pong = Frame(Opcode.PONG, b"").serialize(mask=True)
        assert [carrier.take(pong), carrier.take(pong)] == [True, False]


@pytest.mark.parametrize(("reason", "said"), [("bye", b"bye"), ("é" * 80, "é".encode() * 61)])
async def test_a_close_is_said_and_its_answer_awaited(reason, said):
    async with connected() as (client, _, carrier, receiver):
        carrier.send_now(["last"])
        closing = asyncio.create_task(carrier.close(4001, reason))
        assert await client.frame() == (Opcode.TEXT, b"last")
        assert await client.frame() == (Opcode.CLOSE, (4001).to_bytes(2) + said)
        assert not closing.done()
        client.send(Frame(Opcode.CLOSE, (4001).to_bytes(2)))
        await closing
        assert await client.reader.read() == b""
        assert receiver.ends == ["websocket closed (4001)"]


async def test_a_client_that_does_not_answer_a_close_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(websocket, "_CLOSE_SECONDS", 0.1)
    async with connected() as (client, _, carrier, _):
        await carrier.close(1001, "")
        assert await client.frame() == (Opcode.CLOSE, b"\x03\xe9")
        assert await client.reader.read() == b""


async def test_the_end_is_told_when_a_close_is_over_though_the_client_leaves_much_unread(monkeypatch):
    """A gateway that stops would wait half a minute for such a client, or for one that does not end its TLS."""
    monkeypatch.setattr(websocket, "_CLOSE_SECONDS", 0.1)
    async with connected() as (client, _, carrier, receiver):
        client.writer.transport.pause_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    await carrier.send("x" * 60_000)
        await carrier.close(1001, "")
        assert receiver.ends == ["websocket closed (1001)"]
        carrier.abort()


@pytest.mark.parametrize(
    ("nothing", "message"),
    [([Frame(Opcode.PING, b"")], text("behind")), ([text("", fin=False), EMPTY], Frame(Opcode.CONT, b"behind"))],
    ids=["pings", "fragments"],
)
async def test_frames_that_bring_nothing_do_not_go_before_the_messages_of_others(nothing, message):
    """They are no requests, so that nothing counts them: anybody's flood of them held up everybody for a second."""
    async with listening() as (server, accepted), dialled(server) as flooding, dialled(server) as other:
        flooding.send(Frame(Opcode.PING, b""), *nothing, *nothing[-1:] * FLOOD, message)
        assert await flooding.frame() == (Opcode.PONG, b"")
        for number in range(20):
            other.send(text(f"{number}"))
            await until(lambda wanted=number + 1: len(accepted[1][2].got) == wanted, every=0.0)
        assert accepted[0][2].got == []
        await until(lambda: accepted[0][2].got)
        assert accepted[0][2].got == ["behind"]
