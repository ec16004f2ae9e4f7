"""Whose certificates are taken where the gateway is the client: Asterisk's, identity providers', scripts' servers'."""

from __future__ import annotations

import functools
import ssl


def trust(ca_file: str) -> ssl.SSLContext:
    """The trust in the CAs of a file, in PEM. Raises OSError where it cannot be used."""
    return _client(ssl.create_default_context(cafile=ca_file))


@functools.cache
def machines_trust() -> ssl.SSLContext:
    """The trust in the CAs that OpenSSL finds on this machine, or by SSL_CERT_FILE."""
    return _client(ssl.create_default_context())


def _client(context: ssl.SSLContext) -> ssl.SSLContext:
    # Since Python 3.13 the default refuses CAs without every extension of RFC 5280, such as those that Asterisk's
    # ast_tls_cert or a bare `openssl req -x509` make: what was trusted shall be trusted after an upgrade of Python.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    return context
