"""The certificate of the listener, read at the start and anew with the scripts, so that renewing it stops nothing."""

from __future__ import annotations

import ssl
from pathlib import Path

from aiohttp import web

from aribridge.config import certificate_fault
from aribridge.core.settings import ServerSettings

_A_YEAR = "max-age=31536000"


async def strict_transport(_: web.Request, response: web.StreamResponse) -> None:
    """Have browsers that came by https come by nothing else for a year (RFC 6797); to be called for each answer."""
    response.headers.setdefault("Strict-Transport-Security", _A_YEAR)


class CertificateFault(Exception):
    """The certificate and the key cannot be used; the text says why."""


class Certificate:
    """The files of ``server.tls_certificate`` and ``server.tls_key``."""

    def __init__(self, settings: ServerSettings) -> None:
        """Read them. Raises CertificateFault."""
        self._certificate, self._key = settings.tls_certificate, settings.tls_key
        self._content = b""
        self.context: ssl.SSLContext | None = None
        """For the listener; None without TLS."""
        if self.files:
            self.check()
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.minimum_version = ssl.TLSVersion.TLSv1_2
            self.context.set_alpn_protocols(["http/1.1"])
            self.replace()

    @property
    def files(self) -> list[Path]:
        """Both files, none without TLS."""
        return [Path(name) for name in (self._certificate, self._key) if name]

    def check(self) -> None:
        """Raise CertificateFault for files that cannot take the place of the present ones."""
        if self.files and (fault := certificate_fault(self._certificate, self._key)):
            raise CertificateFault(fault)

    def replace(self) -> list[Path]:
        """Use the files for connections from now on; returns them if they are new. To be checked before."""
        content = b"".join(file.read_bytes() for file in self.files)
        if self.context is None or content == self._content:
            return []
        self.context.load_cert_chain(self._certificate, self._key)
        self._content = content
        return self.files
