"""Which of several ways to a browser is taken: it nominates one after the other, and sends on the last of them."""

import asyncio
import re

from aioice import stun
from real.wait import until
from webrtc_parts import DEADLINE, Client, Events, engine, without_candidates


class Way(asyncio.DatagramProtocol):
    """One address of a browser: it asks when told to, and answers when told to (RFC 8445 section 7)."""

    def __init__(self, ours, theirs):
        self._ours, self._theirs = ours, theirs
        self.asked = asyncio.Queue()

    def connection_made(self, transport):
        self._transport = transport
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data, _addr):
        message = stun.parse_message(data) if data[0] < 4 else None
        if message is not None and message.message_class == stun.Class.REQUEST:
            self.asked.put_nowait(message)

    def nominate(self):
        """Send a check that names this way as the one to take."""
        check = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        check.attributes["USERNAME"] = f"{self._theirs[0]}:{self._ours[0]}"
        check.attributes["PRIORITY"] = 1
        check.attributes["ICE-CONTROLLING"] = 2**63
        check.attributes["USE-CANDIDATE"] = None
        check.add_message_integrity(self._theirs[1].encode())
        self._transport.sendto(bytes(check))

    async def answer(self):
        """Answer the next check of the other side's."""
        check = await asyncio.wait_for(self.asked.get(), DEADLINE)
        answer = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=check.transaction_id,
        )
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 1)
        answer.add_message_integrity(self._ours[1].encode())
        self._transport.sendto(bytes(answer))

    def close(self):
        self._transport.close()


def credentials(sdp):
    return re.search(r"a=ice-ufrag:(\S+)", sdp)[1], re.search(r"a=ice-pwd:(\S+)", sdp)[1]


async def way(client_sdp, peer_sdp):
    port = int(re.search(r"a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+)", peer_sdp)[1])
    made = asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Way(credentials(client_sdp), credentials(peer_sdp)),
        local_addr=("127.0.0.1", 0),
        remote_addr=("127.0.0.1", port),
    )
    return (await made)[1]


async def test_a_way_that_was_being_checked_when_another_was_taken_can_be_taken_after_it():
    """aioice stops such a check, and would take it to be under way for ever: nothing from there would be heard."""
    client = Client()
    client.create("one")
    async with engine() as rtc:
        offer = await client.offer()
        peer = await rtc.answer(without_candidates(offer), Events())
        first, second = [await way(offer, peer.sdp) for _ in range(2)]
        second.nominate()
        await until(lambda: not second.asked.empty(), every=0.005)
        first.nominate()
        await first.answer()
        await until(lambda: taken(peer) == first.address and peer._ice._connecting.done(), every=0.005)
        await second.answer()  # too late
        second.nominate()
        await second.answer()
        await until(lambda: taken(peer) == second.address, every=0.005)
        first.close()
        second.close()
        await client.pc.close()


def taken(peer):
    pair = peer._ice._nominated.get(1)
    return pair and pair.remote_addr
