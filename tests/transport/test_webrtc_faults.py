"""Clients that break rules, vanish or never arrive; handlers that raise; strangers on the UDP port."""

import asyncio
import gc
import re
import socket
import time
from struct import pack
from types import SimpleNamespace

import psutil
import pytest
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    WEBRTC_BINARY,
    WEBRTC_DCEP,
    WEBRTC_STRING,
    DataChunk,
    HeartbeatChunk,
    tsn_plus_one,
)
from real.wait import until
from webrtc_parts import DEADLINE, Client, EchoEvents, Events, Recorder, connected, echoes, engine, without_candidates

from aribridge.protocol.problems import Problem
from aribridge.transport.carrier import CarrierClosed
from aribridge.transport.webrtc import Peer
from aribridge.transport.webrtc.ice import GATHER_SECONDS, MAX_RELAYING, MAX_UNREAD, STALL_SECONDS, IceAgent
from aribridge.transport.webrtc.sctp import WINDOW, Association

CYCLES = 40


class TestDeadlines:
    async def test_a_peer_that_never_connects_is_dropped(self):
        """Stock aiortc polls for ever."""
        client, events = Client(), Events()
        client.create("one")
        async with engine(connect_seconds=0.4) as rtc:
            offer = without_candidates(await client.offer())
            began = time.monotonic()
            await rtc.answer(offer, events)
            assert await events.reason() == "ICE failed"
            assert time.monotonic() - began > 0.3
            await until(lambda: rtc.peers == 0)
        assert events.connections == 0
        await client.pc.close()

    async def test_a_peer_without_a_data_channel_is_dropped(self):
        client, events = Client(), Events()
        client.create("never seen", negotiated=True, id=5)
        async with engine(connect_seconds=3) as rtc:
            peer = await rtc.answer(await client.offer(), events)
            await client.take_answer(peer.sdp)
            assert await events.reason() == "No data channel"
            assert events.connections == 1
        await client.pc.close()

    async def test_an_offer_of_ours_that_nobody_answers_is_dropped(self):
        events = Events()
        async with engine(connect_seconds=0.2) as rtc:
            await rtc.offer(events, label="one")
            assert await events.reason() == "No answer"
            assert events.channels == []

    async def test_a_certificate_that_is_not_the_announced_one_is_refused(self):
        client, events = Client(), Events()
        client.create("one")
        async with engine() as rtc:
            offer = await client.offer()
            wrong = offer.replace("sha-256 ", "sha-256 00:").replace("sha-384 ", "x ").replace("sha-512 ", "y ")
            peer = await rtc.answer(wrong, events)
            await client.take_answer(peer.sdp)
            assert await events.reason() == "DTLS error"
            assert events.connections == 0
        await client.pc.close()

    async def test_silence_is_noticed_after_the_consent_time(self):
        """Stock aiortc takes half a minute."""
        events = Events()
        async with engine(consent_seconds=1.0) as rtc, connected(rtc, events) as (client, _, _):
            await asyncio.sleep(1.2)  # consent is renewed while the client is there
            assert events.reasons == []
            client.vanish()
            began = time.monotonic()
            assert await events.reason() == "ICE failed"
            assert time.monotonic() - began < 6
            assert events.receivers[0].closed_with == ["ICE failed"]
            await until(lambda: rtc.peers == 0)


@pytest.mark.parametrize(
    ("seconds", "late"), [(2.5, STALL_SECONDS), (1.2, 0.5)], ids=["far beyond consent", "just beyond it"]
)
async def test_a_pause_of_our_own_process_ends_no_peer(seconds, late, monkeypatch):
    monkeypatch.setattr("aribridge.transport.webrtc.ice.STALL_SECONDS", late)
    events = EchoEvents()
    async with engine(consent_seconds=1.0) as rtc, connected(rtc, events) as (client, _, [channel]):
        time.sleep(seconds)  # noqa: ASYNC251 - the pause is what is tested
        await asyncio.sleep(1.2)  # longer than consent lasts unless it is renewed
        assert events.reasons == []
        assert await echoes(client, channel)


async def test_a_client_that_says_goodbye_by_dtls_alone():
    events = Events()
    async with engine() as rtc, connected(rtc, events) as (client, _, _):
        await client.pc.sctp.transport.stop()
        assert await events.reason() == "DTLS alert"


async def test_closing_with_data_under_way_leaves_no_timer():
    events = Events()
    async with engine() as rtc, connected(rtc, events) as (client, peer, _):
        channel = await events.opened()
        client.vanish()
        await channel.send("x" * 60_000)
        await until(lambda: peer._sctp._t3_handle)
        peer._sctp._t3_expired()  # its resend is a task that runs after the next line
        await peer._sctp.stop()
        await peer.close("Close PC")
        await peer._sctp._send_chunk(HeartbeatChunk())  # on DTLS that is gone: a loss, no error
        timers = (peer._sctp._t1_handle, peer._sctp._t2_handle, peer._sctp._t3_handle, peer._sctp._reconfig_handle)
        assert timers == (None,) * 4
        assert not peer._sctp._sent_queue
        assert not peer._sctp._outbound_queue


class TestHandlers:
    """With stock aiortc, a handler that raises ends the connection."""

    async def test_a_raising_receiver(self):
        class Faulty(EchoEvents):
            def channel(self, channel):
                receiver = super().channel(channel)
                take = receiver.received

                def received(frame):
                    if frame == "poison":
                        raise RuntimeError("this is on purpose")
                    take(frame)

                receiver.received = received
                return receiver

        async with engine() as rtc, connected(rtc, Faulty()) as (client, _, [channel]):
            channel.send("poison")
            assert await echoes(client, channel)

    async def test_raising_events(self):
        class Faulty(EchoEvents):
            def connected(self):
                raise RuntimeError("this is on purpose")

            def closed(self, reason):
                super().closed(reason)
                raise RuntimeError("this is on purpose")

            def channel(self, channel):
                if channel.label == "poison":
                    raise RuntimeError("this is on purpose")
                return super().channel(channel)

        events = Faulty()
        async with engine() as rtc, connected(rtc, events) as (client, _, [channel]):
            poison = client.create("poison")
            await until(lambda: poison.readyState == "closed")
            assert await echoes(client, channel)
            await client.pc.close()
            await until(lambda: rtc.peers == 0)
            assert len(events.reasons) == 1


class TestLimits:
    async def test_the_number_of_peers(self):
        async with engine(peers=1) as rtc, connected(rtc, Events()) as (client, _, _):
            with pytest.raises(Problem) as caught:
                await rtc.answer(client.pc.localDescription.sdp, Events())
            assert caught.value.code == "too_many_requests"
            with pytest.raises(Problem):
                await rtc.offer(Events(), label=None)
            await client.pc.close()
            await until(lambda: rtc.peers == 0)
            peer = await rtc.offer(Events(), label=None)
            await peer.close("Close PC")

    async def test_the_number_of_channels(self):
        events = EchoEvents()
        async with engine(channels=3) as rtc, connected(rtc, events, "one", "two") as (client, peer, [one, two]):
            third, fourth = client.create("three"), client.create("four")
            await until(lambda: fourth.readyState == "closed")
            assert [one.readyState, two.readyState, third.readyState] == ["open"] * 3
            assert await echoes(client, one)
            with pytest.raises(Problem) as caught:
                peer.open_channel("five")
            assert caught.value.code == "too_many_requests"
            two.close()
            await until(lambda: len(peer.channels) == 2)
            await client.open(client.create("six"))

    async def test_a_flood_of_channels_ends_the_peer(self):
        events = Events()
        async with engine(channels=2) as rtc, connected(rtc, events) as (client, _, _):
            client.pc.sctp._receive_reconfig_param = ignoring  # a client that never lets a channel go
            for number in range(10):
                client.create(f"flood-{number}")
            assert await events.reason() == "Too many channels"

    async def test_channels_that_are_opened_and_closed_without_end_end_the_peer(self):
        """Each costs as much as dozens of messages, which somebody pays for."""
        events = Events()
        async with engine(channels=32) as rtc, connected(rtc, events) as (client, _, _):
            async with asyncio.timeout(DEADLINE):
                while not events.reasons:
                    opened = [client.create(f"one of many {number}") for number in range(16)]
                    await all_are("open", opened, events)
                    for channel in opened:
                        channel.close()
                    await all_are("closed", opened, events)
            assert events.reasons == ["Too many channels"]
            assert len(events.channels) < 3 * 32

    async def test_a_message_over_the_limit_ends_the_peer(self):
        events = Events()
        async with engine(frame=10_000) as rtc, connected(rtc, events) as (client, peer, [channel]):
            assert "a=max-message-size:10000\r\n" in peer.sdp
            channel.send("x" * 10_000)
            assert len(await events.receivers[0].next()) == 10_000
            with pytest.raises(ValueError, match="10000"):
                channel.send("x" * 10_001)
            client.pc.sctp._remote_max_message_size = 0  # a client that does not care
            channel.send("x" * 10_001)
            assert await events.reason() == "Message too large"
            assert events.receivers[0].frames.empty()

    @pytest.mark.parametrize("fast_path", [True, False])
    async def test_a_message_that_the_client_does_not_take_ends_the_channel(self, fast_path):
        """A channel on which nothing more comes would look like a gateway that hangs."""
        client, events = Client(), Events()
        async with engine(fast_path=fast_path) as rtc:
            theirs = client.create("one")
            offer = await client.offer()
            peer = await rtc.answer(re.sub(r"(a=max-message-size:)\d+", r"\g<1>1000", offer), events)
            await client.take_answer(peer.sdp)
            ours = await events.opened()
            await ours.send("x" * 1000)
            assert await client.next("one") == "x" * 1000
            with pytest.raises(CarrierClosed, match="1000 bytes"):
                await ours.send("x" * 1001)
            assert events.receivers[0].closed_with == ["Message too large"]
            await until(lambda: theirs.readyState == "closed")
            await client.pc.close()

    async def test_a_message_without_end_is_cut(self):
        events = Events()
        async with engine() as rtc, connected(rtc, events) as (client, peer, [channel]):
            faulty = asyncio.ensure_future(endless_message(client, channel.id))
            assert await events.reason() == "Message too large"
            kept = sum(len(c.user_data) for s in peer._sctp._inbound_streams.values() for c in s.reassembly)
            assert kept <= 2 * WINDOW + 1200
            await until(lambda: rtc.peers == 0)
            assert not peer._sctp._inbound_streams
            faulty.cancel()


async def ignoring(_param) -> None:
    """A client that takes no notice of stream resets."""


async def endless_message(client: Client, stream: int) -> None:
    """Fragments of one message, of which none is the last."""
    sctp = client.pc.sctp
    for number in range(5000):
        chunk = DataChunk(flags=0 if number else SCTP_DATA_FIRST_FRAG)
        chunk.tsn, chunk.stream_id, chunk.protocol = sctp._local_tsn, stream, WEBRTC_BINARY
        chunk.user_data = bytes(1100)
        sctp._local_tsn = tsn_plus_one(sctp._local_tsn)
        await sctp._send_chunk(chunk)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("protocol", "data"),
    [
        (WEBRTC_STRING, b"\xff\xfe not UTF-8"),
        (WEBRTC_DCEP, pack("!BBHLHH", 3, 0, 0, 0, 3, 0) + b"one"),  # opens a channel that is open
        (WEBRTC_DCEP, pack("!BBHLHH", 3, 0, 0, 0, 2, 0) + b"\xff\xfe"),
    ],
    ids=["text", "open twice", "label"],
)
async def test_a_broken_message_harms_its_sender_alone(protocol, data):
    events, others = Events(), EchoEvents()
    async with (
        engine() as rtc,
        connected(rtc, others) as (bystander, _, [channel]),
        connected(rtc, events) as (client, _, [theirs]),
    ):
        await client.pc.sctp._send(theirs.id, protocol, data)
        assert await events.reason() == "SCTP error"
        assert await echoes(bystander, channel)


class EndlessChunk(HeartbeatChunk):
    """A heartbeat whose parameter says that it is 0 bytes long, which its reader would never get past."""

    body = bytes(8)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "stock"])
async def test_a_parameter_of_no_length_harms_its_sender_alone(fast):
    events, others = Events(), EchoEvents()
    async with (
        engine(fast_path=fast) as rtc,
        connected(rtc, others) as (bystander, _, [channel]),
        connected(rtc, events) as (client, _, _),
    ):
        await client.pc.sctp._send_chunk(EndlessChunk())
        assert await events.reason() == "SCTP error"
        assert await echoes(bystander, channel)


async def test_a_handshake_whose_last_flight_is_lost():
    """The client, which has not heard it, repeats its own, in between of data."""
    events, client = EchoEvents(), Client()
    client.pc.on("datachannel", client.watch)
    async with engine() as rtc:
        [port] = rtc._ports._bound
        send, lost = port.send, []

        def faulty_send(data, address):
            if data[0] == 20 and not lost:  # ChangeCipherSpec, with Finished behind it
                lost.append(data)
            else:
                send(data, address)

        port.send = faulty_send
        peer = await rtc.offer(events, label="one")
        await peer.accept_answer(await client.answer(peer.sdp))
        await (await events.opened()).send("hello")
        assert await client.next("one") == "hello"
        assert lost
        await client.pc.close()


class FaultyRelay:
    """A way through a TURN server that is slow to bind its channel, and then fails now and then."""

    def __init__(self, pair):
        self._pair = pair
        self.bound = asyncio.Event()
        self.taken = 0

    async def send_data(self, data, addr):
        await self.bound.wait()
        self.taken += 1
        if self.taken % 10 == 5:
            raise ConnectionError("this is on purpose")
        await self._pair.protocol.send_data(data, addr)


async def test_what_a_turn_server_delays_or_loses_arrives_all_the_same():
    events = Events()
    async with engine() as rtc, connected(rtc, events) as (client, peer, _):
        channel = await events.opened()
        pair = peer._ice._nominated[1]
        relay = FaultyRelay(pair)
        peer._ice._nominated[1] = SimpleNamespace(protocol=relay, remote_addr=pair.remote_addr)
        sent = [f"{number}" * 300 for number in range(200)]
        for message in sent:
            await channel.send(message)
        await asyncio.sleep(0)
        assert client.inbox["one"].empty()
        relay.bound.set()
        assert [await client.next("one") for _ in sent] == sent
        peer._ice._nominated[1] = pair


async def test_what_waits_for_a_turn_server_or_for_dtls_is_bounded():
    async with engine() as rtc, connected(rtc, Events()) as (_, peer, _):
        ice, pair = peer._ice, peer._ice._nominated[1]
        relay = FaultyRelay(pair)
        ice._nominated[1] = SimpleNamespace(protocol=relay, remote_addr=pair.remote_addr)
        ice.send_now(bytes(2 * MAX_RELAYING), 1)
        assert len(ice._relaying) == MAX_RELAYING
        ice._nominated[1] = pair
        relay.bound.set()
        await until(lambda: not ice._relaying)
    agent = IceAgent([], controlling=False, public=[], servers={}, consent_seconds=10)
    for _ in range(2 * MAX_UNREAD):
        agent.data_received(b"\x16", 1)
    assert agent._queue.qsize() == MAX_UNREAD
    await agent.close()


async def test_unreachable_servers_delay_but_do_not_prevent(capsys, monkeypatch):
    """None is asked unless one is configured."""
    assert GATHER_SECONDS <= 2
    monkeypatch.setattr("aribridge.transport.webrtc.ice.GATHER_SECONDS", 1.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        urls = [f"{scheme}:127.0.0.1:{silent.getsockname()[1]}" for scheme in ("stun", "turn")]
        async with engine(ice_servers=[{"urls": urls, "username": "user", "credential": "s3cret"}]) as rtc:
            began = time.monotonic()
            async with connected(rtc, EchoEvents()) as (client, _, [channel]):
                assert time.monotonic() - began < 4
                assert await echoes(client, channel)
    log = capsys.readouterr().out
    assert "ice.stun_failed" in log
    assert "ice.turn_failed" in log
    assert "s3cret" not in log
    async with engine() as rtc:
        began = time.monotonic()
        await (await rtc.offer(Events(), label=None)).close("Close PC")
        assert time.monotonic() - began < GATHER_SECONDS


async def test_cycles_leave_nothing_behind():
    """With clients that close, that are closed, and that never connect."""
    process = psutil.Process()
    async with engine() as rtc:

        async def cycle(number: int) -> None:
            events = EchoEvents()
            if number % 5 == 4:
                peer = await rtc.offer(events, label="never")
            else:
                async with connected(rtc, events) as (client, peer, [channel]):
                    assert await echoes(client, channel)
                    if number % 2:
                        await client.pc.close()
                        await until(lambda: events.reasons, every=0.005)
            await peer.close("Close PC")

        for number in range(CYCLES):  # the first round fills caches and the allocator's pools
            await cycle(number)
        gc.collect()
        tasks, sockets, memory = len(asyncio.all_tasks()), len(process.net_connections()), process.memory_info().rss
        for number in range(CYCLES):
            await cycle(number)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        gc.collect()
        grown = (process.memory_info().rss - memory) / CYCLES / 1024
        assert rtc.peers == 0
        assert len(process.net_connections()) <= sockets
        assert [o for o in gc.get_objects() if isinstance(o, Peer | Association | IceAgent | Recorder)] == []
        assert grown < 20, f"{grown:.1f} KB per cycle"


async def all_are(state, channels, events):
    await until(lambda: events.reasons or all(channel.readyState == state for channel in channels), every=0.005)
