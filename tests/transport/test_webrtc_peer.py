"""Peers and data channels, with aiortc as the client."""

import asyncio
import re
import threading
import time

import pytest
from real.wait import until
from webrtc_parts import DEADLINE, Client, EchoEvents, Events, candidates, connected, engine, without_candidates

from aribridge.protocol.problems import Problem
from aribridge.transport.carrier import CarrierClosed
from aribridge.transport.webrtc.channel import HIGH_MARK


async def test_messages_of_every_kind_come_back_as_they_were():
    async with engine() as rtc, connected(rtc, EchoEvents()) as (client, _, [channel]):
        for message in ("text", "", "äöü €", b"\x00\xff", b"", "x" * 65536, b"y" * 65536):
            channel.send(message)
            assert await client.next("one") == message


async def test_order_is_kept():
    events = EchoEvents()
    async with engine() as rtc, connected(rtc, events) as (client, _, [channel]):
        sent = [f"{number}" * (1 + number % 50) for number in range(300)]
        for message in sent:
            channel.send(message)
        assert [await client.next("one") for _ in sent] == sent


async def test_each_of_many_channels_gets_its_own_answers():
    labels = [f"label-{number}" for number in range(20)]
    events = EchoEvents()
    async with engine() as rtc, connected(rtc, events, *labels) as (client, peer, channels):
        for channel in channels:
            channel.send(f"to {channel.label}")
        assert [await client.next(label) for label in labels] == [f"to {label}" for label in labels]
        assert {channel.label for channel in peer.channels.values()} == set(labels)


async def test_a_channel_says_what_it_is():
    events = Events()
    async with (
        engine() as rtc,
        connected(rtc, events, "lossy", ordered=False, maxRetransmits=0, protocol="p") as (_, peer, _),
    ):
        channel = await events.opened()
        assert (channel.label, channel.protocol, channel.ordered, channel.reliable) == ("lossy", "p", False, False)
        assert channel.max_send == 65536
        assert channel.peer == f"{peer.id}/lossy"
        assert peer.channels == {channel.id: channel}


async def test_a_negotiated_channel_is_found_by_its_first_message():
    events = EchoEvents()
    async with engine() as rtc, connected(rtc, events) as (client, _, _):
        channel = client.create("mine", negotiated=True, id=100)
        await client.open(channel)
        channel.send("hello")
        assert await client.next("mine") == "hello"
        assert (await events.opened(2)).id == 100


async def test_we_offer_and_open_the_channel():
    events = EchoEvents()
    client = Client()
    opened = asyncio.get_running_loop().create_future()
    client.pc.on("datachannel", lambda channel: opened.set_result(client.watch(channel)))
    async with engine() as rtc:
        peer = await rtc.offer(events, label="JanusDataChannel")
        await peer.accept_answer(await client.answer(peer.sdp))
        channel = await asyncio.wait_for(opened, DEADLINE)
        channel.send("hello")
        assert await client.next("JanusDataChannel") == "hello"
        assert (await events.opened()).label == "JanusDataChannel"
        with pytest.raises(Problem, match="has its answer"):
            await peer.accept_answer(peer.sdp)
        await client.pc.close()


async def test_both_sides_see_an_end_that_the_client_makes():
    events = Events()
    async with engine() as rtc, connected(rtc, events) as (client, peer, _):
        channel = await events.opened()
        await client.pc.close()
        assert await events.reason() in {"Close PC", "DTLS alert"}
        await until(lambda: rtc.peers == 0)
        assert events.reasons == events.receivers[0].closed_with
        assert events.connections == len(events.reasons) == 1
        with pytest.raises(CarrierClosed):
            await channel.send("too late")
        with pytest.raises(CarrierClosed):
            peer.open_channel("too late")


async def test_both_sides_see_an_end_that_we_make():
    events = Events()
    async with engine() as rtc, connected(rtc, events) as (client, peer, [channel]):
        await peer.close("Janus API")
        await peer.close("again")
        assert rtc.peers == 0
        assert events.reasons == ["Janus API"] == events.receivers[0].closed_with
        await until(lambda: channel.readyState == "closed" and client.pc.connectionState == "closed")


async def test_a_channel_closed_by_us_delivers_what_was_sent_before():
    events = Events()
    async with engine() as rtc, connected(rtc, events) as (client, peer, [theirs]):
        ours = await events.opened()
        last = "z" * 60000
        await ours.send(last)
        await ours.close(1000, "done")
        await ours.close(1000, "again")
        assert await client.next("one") == last
        await until(lambda: theirs.readyState == "closed" and not peer.channels)
        assert events.receivers[0].closed_with == ["done"]
        assert (events.reasons, rtc.peers) == ([], 1)


async def test_a_channel_closed_by_the_client_leaves_the_others():
    events = EchoEvents()
    async with engine() as rtc, connected(rtc, events, "one", "two") as (client, peer, [one, two]):
        one.close()
        await until(lambda: events.receivers[0].closed_with == ["Channel closed"])
        two.send("still here")
        assert await client.next("two") == "still here"
        await until(lambda: [channel.label for channel in peer.channels.values()] == ["two"])
        with pytest.raises(CarrierClosed):
            await events.channels[0].send("too late")


async def test_a_refused_channel_is_closed():
    class Picky(EchoEvents):
        def channel(self, channel):
            return super().channel(channel) if channel.label == "one" else None

    async with engine() as rtc, connected(rtc, Picky()) as (client, _, [one]):
        other = client.create("other")
        await until(lambda: other.readyState == "closed")
        one.send("still here")
        assert await client.next("one") == "still here"


async def test_audio_and_video_are_inactive_and_cost_no_thread():
    events = EchoEvents()
    client = Client()
    client.pc.addTransceiver("audio", "sendrecv")
    client.pc.addTransceiver("video", "recvonly")
    channel = client.create("one")
    async with engine() as rtc:
        threads = threading.active_count()
        peer = await rtc.answer(await client.offer(), events)
        assert re.findall(r"m=(\w+) (\d+)", peer.sdp) == [("audio", "9"), ("video", "9"), ("application", "9")]
        assert peer.sdp.count("a=inactive") == 2
        assert "a=group:BUNDLE 0 1 2\r\n" in peer.sdp
        await client.take_answer(peer.sdp)
        await client.open(channel)
        channel.send("hello")
        assert await client.next("one") == "hello"
        assert threading.active_count() == threads
        await client.pc.close()


class TestCandidates:
    async def test_none_at_all(self):
        async with engine() as rtc:
            client, events = Client(), Events()
            client.create("one")
            peer = await rtc.answer(without_candidates(await client.offer()), events)
            await client.take_answer(peer.sdp)
            await events.opened()
            await client.pc.close()

    async def test_trickled(self):
        async with engine() as rtc:
            client, events = Client(), Events()
            client.create("one")
            offer = await client.offer()
            peer = await rtc.answer(without_candidates(offer), events)
            for line in candidates(offer):
                await peer.add_candidate({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0})
            await peer.add_candidate({"candidate": "", "sdpMid": "0"})
            await peer.add_candidate({"completed": True})
            await peer.add_candidate(None)
            await client.take_answer(peer.sdp)
            await events.opened()
            await client.pc.close()

    @pytest.mark.parametrize(
        "candidate",
        [{}, {"candidate": 7}, {"candidate": "garbage"}, {"candidate": "candidate:1 1 udp x 10.0.0.1 9 typ host"}],
    )
    async def test_garbage_is_refused(self, candidate):
        async with engine() as rtc:
            client = Client()
            client.create("one")
            peer = await rtc.answer(await client.offer(), Events())
            with pytest.raises(Problem) as caught:
                await peer.add_candidate(candidate)
            assert caught.value.code == "bad_sdp"
            await client.pc.close()

    async def test_mdns_names_cost_no_time_and_their_owner_is_found(self):
        """Aiortc waits a second for a name that nobody resolves, and gives up where it was the only one."""
        async with engine() as rtc:
            client, events = Client(), Events()
            client.create("one")
            hidden = "a=candidate:1 1 udp 2113937151 6b0c1b1e-7b1c-4b5e-8d8a-0d9a2f0c7c11.local 50000 typ host\r\n"
            offer = without_candidates(await client.offer()) + hidden + "a=end-of-candidates\r\n"
            began = time.monotonic()
            peer = await rtc.answer(offer, events)
            await peer.add_candidate({"candidate": hidden[2:-2].replace("candidate:1", "candidate:2")})
            assert time.monotonic() - began < 1
            await client.take_answer(peer.sdp)
            await events.opened()
            await client.pc.close()


class TestRenegotiation:
    async def test_more_sections_on_the_same_transport(self):
        events = EchoEvents()
        async with engine() as rtc, connected(rtc, events) as (client, peer, [channel]):
            client.pc.addTransceiver("audio", "sendrecv")
            answer = await peer.renegotiate(await client.offer())
            assert answer == peer.sdp
            assert re.findall(r"m=(\w+) (\d+)", answer) == [("application", "9"), ("audio", "9")]
            assert "a=setup:active" in answer
            assert re.search(r"o=- \d+ 2 ", answer)
            await client.take_answer(answer)
            channel.send("still here")
            assert await client.next("one") == "still here"

    async def test_an_ice_restart_is_refused_with_a_clear_error(self):
        events = EchoEvents()
        async with engine() as rtc, connected(rtc, events) as (client, peer, [channel]):
            restart = re.sub("a=ice-ufrag:.*", "a=ice-ufrag:abcd", await client.offer())
            with pytest.raises(Problem) as caught:
                await peer.renegotiate(restart)
            assert caught.value.code == "ice_restart"
            channel.send("still here")
            assert await client.next("one") == "still here"


async def test_a_slow_client_holds_back_the_sender_until_it_is_gone():
    events = Events()
    async with engine(consent_seconds=1.0) as rtc, connected(rtc, events) as (client, _, _):
        channel = await events.opened()
        client.vanish()
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                await channel.send("x" * 60000)
                sent += 1

        with pytest.raises(CarrierClosed):
            await asyncio.wait_for(flood(), 10)
        assert 1 <= sent <= 8
        assert events.reasons == ["ICE failed"]


async def test_the_offer_is_refused_where_there_is_no_data_channel():
    client = Client()
    client.pc.addTransceiver("audio", "sendrecv")
    async with engine() as rtc:
        for offer in (await client.offer(), "", "v=0\r\n", "garbage"):
            with pytest.raises(Problem) as caught:
                await rtc.answer(offer, Events())
            assert caught.value.code == "bad_sdp"
        assert rtc.peers == 0
    await client.pc.close()


async def test_a_channel_takes_at_once_what_there_is_room_for():
    events = Events()
    async with engine() as rtc, connected(rtc, events) as (client, _, _):
        channel = await events.opened()
        frames = [f"{number} " + "x" * 60_000 for number in range(50)]
        sent = channel.send_now(frames)
        assert 60_000 * (sent - 2) <= HIGH_MARK < 60_000 * (sent + 1)
        assert [await client.next("one") for _ in range(sent)] == frames[:sent]
        await until(lambda: channel.send_now(frames[sent:]), what="there is room again")
