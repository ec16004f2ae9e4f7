"""One UDP socket that many peers share.

aioice opens a socket for each address of each peer. Here a peer attaches to sockets that are open already, and each
datagram finds its peer: a STUN request by the ICE username fragment that it names (RFC 8445 section 7.3), a STUN
answer by the transaction that asked, and everything else by an address that has proven to be the peer's. What fits none
of them is dropped in silence, so a stranger can neither reach a peer nor learn that there is one.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from aioice import Candidate, stun
from aioice.ice import StunProtocol

from aribridge.transport.webrtc.segments import can_segment, cut, send_lone, send_run

if TYPE_CHECKING:
    from aribridge.transport.webrtc.ice import IceAgent

log = structlog.get_logger("aribridge.transport")

Address = tuple[str, int]

RECEIVE_BUFFER = 4 * 1024 * 1024  # the kernel grants at most net.core.rmem_max
MAX_UNSENT = 1024 * 1024
CLOSE_SECONDS = 2.0
_STUN_FIRST_BYTES = range(4)  # RFC 7983: how protocols that share a port are told apart
_DTLS_FIRST_BYTES = range(20, 64)
_MAX_STUN = 1500
"""Bytes of a STUN message: none is longer than a packet (RFC 8489 6.1), and 10,000 attributes take 17 ms to read."""


class PeerStun(StunProtocol):
    """What aioice takes for a socket of its own: one peer's share of a UdpPort."""

    receiver: IceAgent

    def __init__(self, port: UdpPort, receiver: IceAgent, candidate: Candidate) -> None:
        super().__init__(receiver)
        self.port = port
        self.local_candidate = candidate
        self.addresses: set[Address] = set()

    async def request(
        self,
        request: stun.Message,
        addr: Address,
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, Address]:
        """Ask ``addr``, with the answer routed to this peer."""
        with self.port.expecting(request.transaction_id, self):
            return await super().request(request, addr, integrity_key, retransmissions)

    async def send_data(self, data: bytes, addr: Address) -> None:
        """Send what is not STUN."""
        self.port.send(data, addr)

    def send_stun(self, message: stun.Message, addr: Address) -> None:
        """Send a STUN message."""
        self.port.send(bytes(message), addr)

    async def close(self) -> None:
        """Leave the shared socket."""
        self.port.detach(self)


class UdpPort(asyncio.DatagramProtocol):
    """A bound UDP socket and the peers behind it."""

    def __init__(self) -> None:
        self.host = ""
        self.port = 0
        self._transport: asyncio.DatagramTransport
        self._socket: socket.socket
        self._segments = False
        self._gone = asyncio.Event()
        self._by_ufrag: dict[str, PeerStun] = {}
        self._by_transaction: dict[bytes, PeerStun] = {}
        self._by_address: dict[Address, PeerStun] = {}

    @classmethod
    async def bind(cls, host: str, port: int) -> UdpPort:
        """Bind an IP address (port 0: any free one). Raises OSError."""
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.bind((host, port))  # here, since uvloop's error would not say why it failed
        except OSError:
            sock.close()
            raise
        opening = asyncio.create_task(asyncio.get_running_loop().create_datagram_endpoint(cls, sock=sock))
        try:
            _, protocol = await asyncio.shield(opening)
        except asyncio.CancelledError:
            transport, _ = await opening  # in the next turn of the event loop; uvloop would leave it open
            transport.close()
            raise
        protocol._socket, protocol._segments = sock, can_segment(sock)
        return protocol

    @property
    def peers(self) -> int:
        """How many peers are attached."""
        return len(self._by_ufrag)

    def attach(self, agent: IceAgent, candidate: Candidate) -> PeerStun:
        """Route to this agent what is meant for its username fragment."""
        share = PeerStun(self, agent, candidate)
        self._by_ufrag[agent.local_username] = share
        return share

    def detach(self, share: PeerStun) -> None:
        """Forget a peer; idempotent."""
        self._by_ufrag.pop(share.receiver.local_username, None)
        for address in share.addresses:
            if self._by_address.get(address) is share:
                del self._by_address[address]

    def expecting(self, transaction: bytes, share: PeerStun) -> _Expected:
        """Route the answer to a STUN transaction, for as long as the context lasts."""
        return _Expected(self._by_transaction, transaction, share)

    def learn(self, address: Address, share: PeerStun) -> None:
        """Take ``address`` for the peer's, because it answered a check of ours.

        That it sent one would not do: a source address can be forged, the answer to a random transaction can't.
        """
        self._by_address[address] = share
        share.addresses.add(address)

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, or drop it as UDP does if the socket is closed or the system takes no more."""
        unsent: int = self._transport.get_write_buffer_size()  # type: ignore[attr-defined] # typeshed lacks it
        if not self._transport.is_closing() and unsent < MAX_UNSENT:
            self._transport.sendto(data, address)

    def send_all(self, datagrams: bytes, size: int, address: Address) -> None:
        """Send datagrams that stand end to end, of ``size`` bytes each, the last at most, as `send` does each."""
        if not self._send_run(datagrams, size, address):
            for datagram in cut(datagrams, size):
                self.send(datagram, address)

    def send_lone(self, datagram: bytes, address: Address, *, may_fragment: bool) -> None:
        """Send a datagram that nobody may fragment, or everybody, or lose it: also where the system can't say which."""
        if self._segments and not self._transport.is_closing():
            send_lone(self._socket, datagram, address, may_fragment=may_fragment)
        elif may_fragment:
            self.send(datagram, address)

    async def close(self) -> None:
        """Close the socket."""
        self._transport.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._gone.wait()

    def _send_run(self, datagrams: bytes, size: int, address: Address) -> bool:
        """Send datagrams past the transport, unless that has some which go first."""
        can = self._segments or len(datagrams) <= size
        is_clear = not self._transport.is_closing() and not self._transport.get_write_buffer_size()  # type: ignore[attr-defined] # as above
        return can and is_clear and send_run(self._socket, datagrams, size, address)

    # called by the event loop

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """The socket is bound."""
        self._transport = transport
        self.host, self.port = transport.get_extra_info("sockname")[:2]

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._gone.set()

    def error_received(self, exc: Exception) -> None:
        """An ICMP message about some earlier datagram: ICE finds out by itself which paths work."""
        log.debug("udp.unreachable", error=str(exc))

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Hand a datagram to its peer; whatever a stranger sends, the port stays open for everyone."""
        address = (addr[0], addr[1])
        try:
            self._route(data, address)
        except Exception as exc:
            log.debug("udp.malformed", source=address, size=len(data), error=repr(exc))

    def _route(self, data: bytes, address: Address) -> None:
        if not data:
            return
        if data[0] in _STUN_FIRST_BYTES:
            if len(data) > _MAX_STUN:
                return
            self._route_stun(stun.parse_message(data), address)
        elif data[0] in _DTLS_FIRST_BYTES and (share := self._by_address.get(address)):
            share.receiver.data_received(data, share.local_candidate.component)

    def _route_stun(self, message: stun.Message, address: Address) -> None:
        if message.message_class == stun.Class.REQUEST:
            ufrag = message.attributes.get("USERNAME", "").partition(":")[0]
            if share := self._by_ufrag.get(ufrag):
                share.receiver.request_received(message, address, share)
        elif asker := self._by_transaction.get(message.transaction_id):
            asker.transactions[message.transaction_id].response_received(message, address)


class _Expected:
    """A STUN transaction in the routing table."""

    def __init__(self, table: dict[bytes, PeerStun], transaction: bytes, share: PeerStun) -> None:
        self._table = table
        self._transaction = transaction
        self._share = share

    def __enter__(self) -> None:
        self._table[self._transaction] = self._share

    def __exit__(self, *_: object) -> None:
        self._table.pop(self._transaction, None)
