"""DTLS records straight between the socket and the association.

aiortc passes each datagram through a queue to a task, and calls OpenSSL through pyOpenSSL, which makes a buffer for
each call and an exception of each empty read. Here a datagram comes by a call, and OpenSSL gets one buffer for all.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, State
from OpenSSL import SSL

from aribridge.transport.webrtc.fastpath.runs import runs

if TYPE_CHECKING:
    from collections.abc import Sequence

_lib, _ffi = cast(Any, SSL)._lib, cast(Any, SSL)._ffi
_BUFFER_BYTES = 65_536
_BUFFER = _ffi.new("char[]", _BUFFER_BYTES)
_VIEW = _ffi.buffer(_BUFFER)
_AT_ONCE = 4
"""Records that OpenSSL keeps until they are fetched: more would be fewer calls, but each peer keeps the memory."""
_APPLICATION_DATA = 23
_RECORD_HEADER = 13


def missing() -> list[str]:
    """What this module needs of pyOpenSSL's inside and does not find there."""
    functions = ("SSL_read", "SSL_write", "SSL_get_error", "BIO_read", "BIO_write", "ERR_clear_error")
    connection = SSL.Connection(SSL.Context(SSL.DTLS_METHOD))
    return [name for name in functions if not hasattr(_lib, name)] + [
        name for name in ("_ssl", "_into_ssl", "_from_ssl") if not hasattr(connection, name)
    ]


class FastDtls(RTCDtlsTransport):
    """A DTLS transport whose ICE transport can ``send_now``, ``send_lone`` and ``divert`` what arrives.

    The association on it can ``take`` a packet.
    """

    def __init__(self, transport: Any, certificates: list[RTCCertificate]) -> None:
        super().__init__(transport, certificates)
        self._ice = transport
        self._goodbye: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def _recv_next(self) -> None:
        """Take the handshake as aiortc does, with its timeouts; from then on let datagrams come by themselves."""
        if self._state != State.CONNECTED or cast(Any, self._ssl).DTLSv1_get_timeout() is not None:
            await super()._recv_next()
            return
        with self._ice.divert(self._take):
            await self._goodbye
        raise ConnectionError("The other side has said goodbye.")

    async def _send_data(self, data: bytes) -> None:
        self.send_now([data])

    def send_now(self, packets: Sequence[bytes]) -> None:
        """Encrypt packets and send them. Raises ConnectionError if that can't be."""
        if self._state != State.CONNECTED or self._ssl is None:
            raise ConnectionError("DTLS is not connected.")
        for run in runs(packets):
            self._ice.send_now(*self._encrypted(run))

    def send_lone(self, packet: bytes, *, may_fragment: bool) -> None:
        """Encrypt and send a packet that nobody may fragment on its way, or everybody. Raises as ``send_now``."""
        if self._state != State.CONNECTED or self._ssl is None:
            raise ConnectionError("DTLS is not connected.")
        record, _ = self._encrypted([packet])
        self._ice.send_lone(record, may_fragment=may_fragment)

    def _encrypted(self, packets: Sequence[bytes]) -> tuple[bytes, int]:
        """The records of packets of one size, the last one's at most, end to end; and the size of the first."""
        connection: Any = self._ssl
        first = size = 0
        for number, packet in enumerate(packets, 1):
            if _lib.SSL_write(connection._ssl, packet, len(packet)) <= 0:
                _lib.ERR_clear_error()
                raise ConnectionError("DTLS takes no data.")
            if number == 1 or number == len(packets) or number % _AT_ONCE == 0:
                size += _lib.BIO_read(connection._from_ssl, _BUFFER + size, _BUFFER_BYTES - size)
                first = first or size
        return _VIEW[:size], first

    def _take(self, datagram: bytes) -> None:
        """Decrypt a datagram and hand over what is in it."""
        connection: Any = self._ssl
        _lib.BIO_write(connection._into_ssl, datagram, len(datagram))
        lone = _is_lone_record(datagram)
        while self._ssl is not None:
            size = _lib.SSL_read(connection._ssl, _BUFFER, _BUFFER_BYTES)
            if size <= 0:
                self._take_no_data(size)
                return
            if self._data_receiver is not None:
                cast(Any, self._data_receiver).take(_VIEW[:size])
            if lone:
                return

    def _take_no_data(self, result: int) -> None:
        """Nothing more to read: a goodbye, or a handshake record that is sent again, which OpenSSL answers."""
        connection: Any = self._ssl
        error = _lib.SSL_get_error(connection._ssl, result)
        _lib.ERR_clear_error()
        if error != _lib.SSL_ERROR_ZERO_RETURN:
            size = _lib.BIO_read(connection._from_ssl, _BUFFER, _BUFFER_BYTES)
            if size > 0:
                self._ice.send_now(_VIEW[:size], size)
        elif not self._goodbye.done():
            self._goodbye.set_result(None)


def _is_lone_record(datagram: bytes) -> bool:
    """Whether a datagram is one record of data and nothing else (DTLS 1.2, RFC 6347 section 4.1)."""
    return (
        len(datagram) > _RECORD_HEADER
        and datagram[0] == _APPLICATION_DATA
        and _RECORD_HEADER + (datagram[11] << 8 | datagram[12]) == len(datagram)
    )
