"""The certificate of the listener, read at the start and anew with the scripts, so that renewing it stops nothing."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from aribridge.config import certificate_fault
from aribridge.core.settings import ServerSettings
from aribridge.files import read_regular

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
            self.context = self._used = self._load()
            # A context keeps a certificate for each kind of key, so that another one's would be left in it.
            self.context.sni_callback = self._present
            self._content = self._read()

    @property
    def files(self) -> list[Path]:
        """Both files, none without TLS."""
        return [Path(name) for name in (self._certificate, self._key) if name]

    def reread(self) -> Callable[[], list[Path]]:
        """Read the files anew; what is returned uses them for connections from now on, and tells whether they are new.

        Raises CertificateFault for files that cannot take the place of the present ones.
        """
        if not self.files:
            return list
        content, fresh = self._read(), self._load()
        return lambda: self._take(content, fresh)

    def _take(self, content: bytes, fresh: ssl.SSLContext) -> list[Path]:
        if content == self._content:
            return []
        self._content, self._used = content, fresh
        return self.files

    def _read(self) -> bytes:
        try:
            return b"".join(read_regular(file) for file in self.files)
        except OSError as error:
            raise CertificateFault(f"{error.filename}: {error.strerror}.") from None

    def _load(self) -> ssl.SSLContext:
        if fault := certificate_fault(self._certificate, self._key):
            raise CertificateFault(fault)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key)
        except OSError as error:  # another program writes them at this moment
            raise CertificateFault(f"{self._certificate} and {self._key}: {error.strerror or error}.") from None
        return context

    def _present(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called for each new connection, whether it names a server or not."""
        connection.context = self._used
