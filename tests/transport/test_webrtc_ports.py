"""Addresses and UDP ports: what the settings mean, what is bound, what is announced."""

import asyncio
import socket

import psutil
import pytest
import uvloop
from real.wait import until
from webrtc_parts import Client, EchoEvents, Events, candidates, connected, engine

from aribridge.core.settings import WebRtcSettings
from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc import RtcEngine, versions
from aribridge.transport.webrtc.addresses import bind_addresses, udp_ports


def udp_sockets() -> set[tuple[str, int]]:
    return {tuple(c.laddr) for c in psutil.Process().net_connections("udp")}


def free_range(count: int) -> range:
    """UDP ports in a row that are free on loopback."""
    for first in range(21_000, 32_000, count):
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for sock in held:
                sock.close()
        return range(first, first + count)
    raise AssertionError("no free ports")


@pytest.mark.parametrize(
    ("udp", "ports"),
    [("", range(8188, 8189)), ("5000", range(5000, 5001)), (" 20000 - 20002 ", range(20000, 20003))],
)
def test_ports(udp, ports):
    assert udp_ports(udp, 8188) == ports


@pytest.mark.parametrize("udp", ["x", "5000-", "70000", "5001-5000", "0-10", "1-70000", "-1"])
def test_ports_that_make_no_sense(udp):
    with pytest.raises(ValueError, match=r"webrtc\.udp"):
        udp_ports(udp, 8188)


async def test_addresses_to_bind():
    assert await bind_addresses([], "127.0.0.1") == ["127.0.0.1"]
    assert "127.0.0.1" in await bind_addresses([], "localhost")
    assert await bind_addresses(["::1", "127.0.0.1", "::1"], "192.0.2.1") == ["::1", "127.0.0.1"]
    everything = await bind_addresses([], "0.0.0.0")
    assert everything
    assert not set(everything) & {"0.0.0.0", "::"}
    with pytest.raises(ValueError, match=r"webrtc\.bind"):
        await bind_addresses(["localhost"], "127.0.0.1")
    with pytest.raises(OSError, match=r"server\.listen"):
        await bind_addresses([], "host.invalid")


async def test_one_port_serves_all_peers():
    before = udp_sockets()
    async with engine() as rtc:
        [address] = rtc.addresses
        bound = ("127.0.0.1", int(address.rpartition(":")[2]))
        for _ in range(3):
            async with connected(rtc, EchoEvents()) as (a, _, [one]), connected(rtc, EchoEvents()) as (b, _, [two]):
                assert rtc.peers >= 2
                one.send("a")
                two.send("b")
                assert (await a.next("one"), await b.next("one")) == ("a", "b")
        [port] = rtc._ports._bound
        assert bound in udp_sockets() - before
        await until(lambda: rtc.peers == 0)
        assert port.peers == len(port._by_address) == len(port._by_transaction) == 0
    assert bound not in udp_sockets()


async def test_ipv6():
    async with engine(bind=["::1"]) as rtc, connected(rtc, EchoEvents()) as (client, peer, [channel]):
        assert rtc.addresses[0].startswith("[::1]:")
        assert " ::1 " in candidates(peer.sdp)[0]
        channel.send("hello")
        assert await client.next("one") == "hello"


async def test_a_range_has_a_port_for_each_peer():
    ports = free_range(2)
    async with engine(udp=f"{ports[0]}-{ports[-1]}") as rtc:
        assert rtc.addresses == [f"127.0.0.1:{ports[0]}-{ports[-1]}"]
        async with connected(rtc, EchoEvents()) as (client, _, [channel]), connected(rtc, EchoEvents()):
            assert {port for host, port in udp_sockets() if host == "127.0.0.1" and port in ports} == set(ports)
            channel.send("hello")
            assert await client.next("one") == "hello"
            with pytest.raises(Problem, match="widen the range") as caught:
                await rtc.offer(Events(), label=None)
            assert caught.value.code == "too_many_requests"
        await until(lambda: rtc.peers == 0)
        await until(lambda: not {port for _, port in udp_sockets() if port in ports}, what="both ports are free")
        async with connected(rtc, EchoEvents()):
            pass


@pytest.mark.parametrize("bound", ["peers", "handshakes", "address_handshakes"])
async def test_a_bound_holds_for_offers_that_come_at_once(bound):
    """Ports of a range are bound while other offers come."""
    ports = free_range(8)
    async with engine(udp=f"{ports[0]}-{ports[-1]}", **{bound: 2}) as rtc:
        made = await asyncio.gather(*(rtc.offer(Events(), label=None) for _ in range(6)), return_exceptions=True)
        refused = [one for one in made if isinstance(one, Problem)]
        assert [one.code for one in refused] == ["too_many_requests"] * 4
        assert all(f"webrtc.{bound}" in one.detail for one in refused)
        assert rtc.peers == 2


async def test_an_offer_that_is_given_up_keeps_no_port():
    ports = free_range(2)
    async with engine(udp=f"{ports[0]}-{ports[-1]}", bind=["127.0.0.1", "127.0.0.2"]) as rtc:
        for turns in range(1, 6):
            offering = asyncio.create_task(rtc.offer(Events(), label=None))
            for _ in range(turns):
                await asyncio.sleep(0)
            offering.cancel()
            await asyncio.gather(offering, return_exceptions=True)
            if not offering.cancelled():
                await offering.result().close("Close PC")
            await until(lambda: not {port for _, port in udp_sockets() if port in ports}, what=f"{turns} turns")
        assert rtc.peers == 0


async def test_public_addresses_are_announced_instead():
    async with engine(public=["203.0.113.7", "2001:db8::7"]) as rtc:
        assert rtc.addresses[1:] == ["203.0.113.7 (public)", "2001:db8::7 (public)"]
        port = rtc.addresses[0].rpartition(":")[2]
        peer = await rtc.offer(Events(), label=None)
        [candidate] = candidates(peer.sdp)  # nothing is bound that the IPv6 address could stand for
        assert f" 203.0.113.7 {port} typ host" in candidate
        assert "127.0.0.1 " not in peer.sdp.replace("IN IP4 127.0.0.1", "")


async def test_a_port_in_use_is_named_with_the_setting_to_change():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        rtc = RtcEngine(WebRtcSettings(udp=str(port)), frame=65536, default_address=("127.0.0.1", 1))
        with pytest.raises(OSError, match=rf"UDP port {port} of 127.0.0.1 is in use.*webrtc\.udp"):
            await rtc.start()
        rtc = RtcEngine(WebRtcSettings(udp=f"{port}-{port}"), frame=65536, default_address=("127.0.0.1", 1))
        with pytest.raises(OSError, match="in use"):
            await rtc.start()
        await rtc.stop()


async def test_everything_on_uvloop_too():
    """The gateway runs on uvloop, the tests on asyncio's own loop: what differs is binding, sending and closing."""

    async def run() -> None:
        async with engine() as rtc, connected(rtc, EchoEvents()) as (client, peer, [channel]):
            channel.send("x" * 65536)
            assert len(await client.next("one")) == 65536
            port = rtc.addresses[0].rpartition(":")[2]
            second = RtcEngine(WebRtcSettings(udp=port), frame=65536, default_address=("127.0.0.1", 1))
            with pytest.raises(OSError, match="in use"):
                await second.start()
            await peer.close("Close PC")
        await until(lambda: len(asyncio.all_tasks()) == 1, what="no task is left")

    await asyncio.to_thread(uvloop.run, run())


async def test_an_address_of_another_machine_is_named_with_its_setting():
    rtc = RtcEngine(WebRtcSettings(bind=["203.0.113.1"]), frame=65536, default_address=("127.0.0.1", 0))
    with pytest.raises(OSError, match=r"203.0.113.1 is no address of this machine.*webrtc\.bind"):
        await rtc.start()


@pytest.mark.parametrize("entry", [{}, {"urls": ["http://x"]}, {"urls": 7}])
async def test_a_bad_ice_server_is_named(entry):
    rtc = RtcEngine(WebRtcSettings(ice_servers=[entry]), frame=65536, default_address=("127.0.0.1", 0))
    with pytest.raises(ValueError, match=r"webrtc\.ice_servers"):
        await rtc.start()


async def test_another_series_of_aiortc_is_refused(monkeypatch):
    monkeypatch.setattr(versions, "version", lambda _: "2.0.1")
    with pytest.raises(RuntimeError, match=r"aiortc 1\.16\.\*, but 2\.0\.1 is installed.*pip install"):
        await RtcEngine(WebRtcSettings(), frame=65536, default_address=("127.0.0.1", 0)).start()


async def test_stopping_ends_all_peers():
    events = EchoEvents()
    async with engine() as rtc, connected(rtc, events) as (_, _, [channel]):
        await rtc.offer(events, label="pending")
        await rtc.stop()
        assert rtc.peers == 0
        assert events.reasons == ["Gateway stopped"] * 2
        await until(lambda: channel.readyState == "closed")


async def test_no_public_stun_server_is_asked():
    """aiortc would ask one of Google by default."""
    client = Client()
    client.create("one")
    async with engine() as rtc:
        peer = await rtc.answer(await client.offer(), Events())
        assert peer._ice.stun_server is None
        assert all(line.endswith("typ host") for line in candidates(peer.sdp))
    await client.pc.close()
