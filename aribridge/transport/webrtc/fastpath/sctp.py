"""The association: both halves, and what they put into one packet."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from aiortc.rtcsctptransport import Chunk, HeartbeatAckChunk, InitChunk, RTCSctpTransport, serialize_packet

from aribridge.transport.webrtc.fastpath.dtls import FastDtls
from aribridge.transport.webrtc.fastpath.inline import run_inline
from aribridge.transport.webrtc.fastpath.receiving import Receiving
from aribridge.transport.webrtc.fastpath.recovery import Recovery
from aribridge.transport.webrtc.fastpath.wire import PARAMETER, Bundle, Header, plain_ack


class FastSctp(Receiving, Recovery):
    """An SCTP association on a ``FastDtls``; used as aiortc's own."""

    def __init__(self, dtls: FastDtls, port: int = 5000) -> None:
        super().__init__(dtls, port)
        self._dtls = dtls
        self._begin_receiving()
        self._begin_sending()
        self._outbound_header = Header(0, 0, 0)

    def take(self, packet: bytes) -> None:
        """Take a packet. Most are an acknowledgement and nothing else while data goes out."""
        header = self._inbound_header
        if ack := plain_ack(packet, header.head):
            if header.intact(packet) and self._note_ack(*ack) and self._holey:
                self._take_noted([])
        else:
            run_inline(self._handle_data(packet))

    async def stop(self) -> None:
        """Abort the association."""
        await super().stop()
        self._lost.clear()

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        if state in (self.State.COOKIE_ECHOED, self.State.ESTABLISHED):  # data may come before the last word
            ours, theirs = self._local_port, cast(int, self._remote_port)
            self._inbound_header = Header(theirs, ours, self._local_verification_tag)
            self._outbound_header = Header(ours, theirs, self._remote_verification_tag)
        elif state == self.State.CLOSED:
            self._cancel_ack()
        super()._set_state(state)

    async def _send_chunk(self, chunk: Chunk) -> None:
        """Send a control chunk (replaces aiortc's, which gives the peer's tag to an INIT that it repeats)."""
        tag = 0 if isinstance(chunk, InitChunk) else self._remote_verification_tag
        self._dtls.send_now([serialize_packet(self._local_port, cast(int, self._remote_port), tag, chunk)])

    async def _send_sack(self) -> None:
        self._ack_due = True
        self._flush()

    def _flush(self) -> None:
        """Send what is due and what there is room for; an acknowledgement goes first, and along with data."""
        self._scheduled = False
        if self._association_state == self.State.CLOSED:
            return
        if self._noted:
            self._take_noted([])
        has_data = self._has_data()
        if has_data or self._ack_due:
            self._put(self._packets(has_data=has_data))
        self._note_windows()
        if self._probe:
            self._send_probe()
        if self._reconfig_queue:
            run_inline(self._transmit_reconfig())

    def _packets(self, *, has_data: bool) -> list[list[bytes]]:
        bundle = Bundle(self._packets_sent, self._path.room)
        if self._ack_due or self._unacked:
            bundle.add(self._acknowledgement())
        if has_data:
            self._send_waiting(bundle)
        bundle.close()
        self._packets_sent = bundle.number
        return bundle.packets

    def _send_probe(self) -> None:
        """Find out whether the way to the peer carries larger packets, of which there is use."""
        self._probe = False
        if chunks := self._path.probe(self._loop.time(), self._rto):
            with suppress(ConnectionError):
                self._dtls.send_lone(self._outbound_header.packet(chunks), may_fragment=False)

    async def _receive_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, HeartbeatAckChunk):
            self._path.answered(b"".join(PARAMETER.pack(kind, 4 + len(info)) + info for kind, info in chunk.params))
        else:
            await super()._receive_chunk(chunk)

    def _put(self, bundled: list[list[bytes]]) -> None:
        packet = self._outbound_header.packet
        packets = [packet(*chunks) for chunks in bundled]
        with suppress(ConnectionError):  # as if they were lost on their way
            if self._path.is_worse:
                packets = self._put_too_large(packets)
            self._dtls.send_now(packets)

    def _put_too_large(self, packets: list[bytes]) -> list[bytes]:
        """Send what was cut for a way that carried more (RFC 8899 section 6.2); return the other packets."""
        for packet in packets:
            if len(packet) > self._path.packet:
                self._dtls.send_lone(packet, may_fragment=True)
        return [packet for packet in packets if len(packet) <= self._path.packet]
