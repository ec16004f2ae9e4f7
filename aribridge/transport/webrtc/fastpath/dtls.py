"""DTLS records straight between the socket and the association.

aiortc passes each datagram through a queue to a task, and calls OpenSSL through pyOpenSSL, which makes a buffer for
each call and an exception of each empty read. Here a datagram comes by a call, and OpenSSL gets one buffer for all.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, State
from OpenSSL import SSL

if TYPE_CHECKING:
    from collections.abc import Sequence

_lib, _ffi = cast(Any, SSL)._lib, cast(Any, SSL)._ffi
_BUFFER_BYTES = 4096
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
    """A DTLS transport whose ICE transport can ``send_now`` a datagram and ``divert`` those that arrive.

    The association on it can ``take`` a packet.
    """

    def __init__(self, transport: Any, certificates: list[RTCCertificate]) -> None:
        super().__init__(transport, certificates)
        self._ice = transport
        self._buffer = _ffi.new("char[]", _BUFFER_BYTES)
        self._view = _ffi.buffer(self._buffer)
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
        self._ice.send_now([self._encrypted(packet) for packet in packets])

    def _encrypted(self, packet: bytes) -> bytes:
        if _lib.SSL_write(cast(Any, self._ssl)._ssl, packet, len(packet)) <= 0:
            _lib.ERR_clear_error()
            raise ConnectionError("DTLS takes no data.")
        return self._written()

    def _written(self) -> bytes:
        """What OpenSSL has written; empty if nothing."""
        size = _lib.BIO_read(cast(Any, self._ssl)._from_ssl, self._buffer, _BUFFER_BYTES)
        return self._view[: max(0, size)]  # type: ignore[no-any-return]

    def _take(self, datagram: bytes) -> None:
        """Decrypt a datagram and hand over what is in it."""
        _lib.BIO_write(cast(Any, self._ssl)._into_ssl, datagram, len(datagram))
        lone = _is_lone_record(datagram)
        while self._ssl is not None:
            size = _lib.SSL_read(cast(Any, self._ssl)._ssl, self._buffer, _BUFFER_BYTES)
            if size <= 0:
                self._take_no_data(size)
                return
            if self._data_receiver is not None:
                cast(Any, self._data_receiver).take(self._view[:size])
            if lone:
                return

    def _take_no_data(self, result: int) -> None:
        """Nothing more to read: a goodbye, or a handshake record that is sent again, which OpenSSL answers."""
        error = _lib.SSL_get_error(cast(Any, self._ssl)._ssl, result)
        _lib.ERR_clear_error()
        if error != _lib.SSL_ERROR_ZERO_RETURN:
            if records := self._written():
                self._ice.send_now([records])
        elif not self._goodbye.done():
            self._goodbye.set_result(None)


def _is_lone_record(datagram: bytes) -> bool:
    """Whether a datagram is one record of data and nothing else (DTLS 1.2, RFC 6347 section 4.1)."""
    return (
        len(datagram) > _RECORD_HEADER
        and datagram[0] == _APPLICATION_DATA
        and _RECORD_HEADER + (datagram[11] << 8 | datagram[12]) == len(datagram)
    )
