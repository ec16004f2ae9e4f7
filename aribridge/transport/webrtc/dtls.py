"""DTLS for data channels: aiortc's, with one certificate per process and without SRTP.

The gateway carries no media, so that it derives no SRTP keys; aiortc would refuse a client that offers none.
"""

from __future__ import annotations

import asyncio
import datetime
from typing import Self, cast

from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    certificate_digest,
)
from aiortc.rtcicetransport import RTCIceTransport
from OpenSSL import SSL

from aribridge.transport.webrtc.fastpath import FastDtls
from aribridge.transport.webrtc.ice import IceAgent

RENEW_BEFORE = datetime.timedelta(days=1)


class Identity(RTCCertificate):
    """The gateway's certificate, which its fingerprint in the SDP stands for (RFC 8827 section 6.5)."""

    _context: SSL.Context | None = None
    _fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """Its sha-256, as the SDP has it."""
        if not self._fingerprint:
            self._fingerprint = certificate_digest(self._cert, "sha-256")
        return self._fingerprint

    def current(self) -> Self:
        """This certificate, or a fresh one if it is about to expire: a gateway may run for longer than one lasts."""
        left = self.expires - datetime.datetime.now(datetime.UTC)
        return self if left > RENEW_BEFORE else type(self).generateCertificate()

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        """Make the context once: it costs more than the rest of a peer's set-up."""
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
        return self._context


class DataDtls(RTCDtlsTransport):
    """A DTLS transport that carries SCTP and nothing else."""

    def __init__(self, ice: IceAgent, identity: Identity) -> None:
        super().__init__(cast(RTCIceTransport, ice), [identity])  # it uses role, _recv and _send alone

    async def handshake(self, role: str, fingerprints: tuple[tuple[str, str], ...]) -> bool:
        """Shake hands as ``role`` ("client" or "server"); False if it failed or the certificate is another's."""
        self._set_role(role)
        expected = [RTCDtlsFingerprint(algorithm=name, value=value) for name, value in fingerprints]
        await self.start(RTCDtlsParameters(fingerprints=expected, role=role))
        return self.state == "connected"

    async def stop(self) -> None:
        """Say goodbye (close_notify), wait until the reader has ended, and give OpenSSL's memory back.

        At once, since Python's collector sees little of it and would leave it for long.
        """
        reader = self._task
        await super().stop()
        if reader is not None:
            await asyncio.gather(reader, return_exceptions=True)
        self._ssl = None

    def _setup_srtp(self) -> None:
        """Derive nothing."""


class FastDataDtls(DataDtls, FastDtls):
    """The same on the fast path."""
