"""Strangers on the UDP port: what they send reaches nobody."""

import asyncio
import os
import socket
from struct import pack

from real.wait import until
from webrtc_parts import EchoEvents, Events, agent, connected, echoes, engine

from aribridge.transport.webrtc.sdp import MAX_CANDIDATES


class TestStrangers:
    """With stock aiortc, one empty datagram from anyone kills a peer."""

    GARBAGE = (
        b"",
        b"\x00",
        b"\x16\xfe\xfd" + bytes(60),
        bytes(20),
        b"\x80" * 40,
        os.urandom(100),
        pack("!HHI12s", 1, 8, 0x2112A442, b"t" * 12) + pack("!HH4s", 0x24, 2, b"\x00\x00\x00\x00"),
        pack("!HHI12s", 1, 12, 0x2112A442, b"t" * 12) + pack("!HH8s", 6, 8, b"none:any"),
        pack("!HHI12s", 0x101, 0, 0x2112A442, b"t" * 12),
    )

    async def test_garbage_from_anywhere(self):
        async with engine() as rtc, connected(rtc, EchoEvents()) as (client, _, [channel]):
            [port] = rtc._ports._bound
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for data in self.GARBAGE:
                    stranger.sendto(data, ("127.0.0.1", port.port))
            pair = agent(client)._nominated[1]
            for data in self.GARBAGE:
                await pair.protocol.send_data(data, pair.remote_addr)
            assert await echoes(client, channel)

    async def test_stun_that_is_longer_than_a_packet_is_not_read(self):
        """It takes 17 ms to read, from anybody."""
        async with engine() as rtc, connected(rtc, EchoEvents()) as (client, _, _):
            ours = agent(client)
            pair = ours._nominated[1]
            checks = [ours.build_request(pair, nominate=False) for _ in range(2)]
            checks[0].attributes["SOFTWARE"] = "x" * 1500
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
                source.setblocking(False)
                for check in checks:
                    check.add_message_integrity(ours.remote_password.encode())
                    source.sendto(bytes(check), pair.remote_addr)
                async with asyncio.timeout(30):
                    answer = await asyncio.get_running_loop().sock_recv(source, 2048)
            assert answer[8:20] == checks[1].transaction_id

    async def test_an_empty_datagram_through_a_relay(self):
        async with engine() as rtc, connected(rtc, EchoEvents()) as (client, peer, [channel]):
            peer._ice.data_received(b"", 1)
            assert await echoes(client, channel)

    async def test_an_address_is_not_taken_over_by_a_forged_source(self):
        """Someone with a peer of their own may forge the source of a check, but can't answer ours."""
        async with (
            engine() as rtc,
            connected(rtc, EchoEvents()) as (victim, _, [channel]),
            connected(rtc, Events()) as (attacker, peer, _),
        ):
            check = agent(attacker).build_request(agent(attacker)._nominated[1], nominate=False)
            check.add_message_integrity(agent(attacker).remote_password.encode())
            pair = agent(victim)._nominated[1]
            pair.protocol.send_stun(check, pair.remote_addr)
            forged = pair.local_candidate.port
            await until(lambda: forged in {candidate.port for candidate in peer._ice.remote_candidates})
            async with asyncio.timeout(3):  # before the victim's own next check would mend it
                assert await echoes(victim, channel)

    async def test_whoever_knows_a_password_makes_us_know_few_addresses(self):
        async with engine() as rtc, connected(rtc, EchoEvents()) as (client, peer, [channel]):
            ours = agent(client)
            sources = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(MAX_CANDIDATES + 10)]
            for source in sources:
                check = ours.build_request(ours._nominated[1], nominate=False)
                check.add_message_integrity(ours.remote_password.encode())
                source.sendto(bytes(check), ours._nominated[1].remote_addr)
                await asyncio.sleep(0)
            await until(lambda: len(peer._ice.remote_candidates) == MAX_CANDIDATES)
            assert await echoes(client, channel)
            assert len(peer._ice.remote_candidates) == MAX_CANDIDATES
            for source in sources:
                source.close()
