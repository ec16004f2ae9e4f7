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


def distrust(error: Exception, url: str, unknown: str) -> str:
    """What is wrong with a certificate, in OpenSSL's words, and what to do about it.

    ``url`` is the setting with the address; ``unknown`` is what to do where only the CA is not known.
    """
    why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    remedies = {
        "mismatch": f"{url} needs a name that the certificate has",
        "expired": "its owner has to renew it",
        "not yet valid": "is the clock of this machine right?",
    }
    remedy = next((remedy for words, remedy in remedies.items() if words in why.lower()), unknown)
    return f"({why.rstrip('.')}): {remedy}"


def _client(context: ssl.SSLContext) -> ssl.SSLContext:
    # Since Python 3.13 the default refuses CAs without every extension of RFC 5280, such as those that Asterisk's
    # ast_tls_cert or a bare `openssl req -x509` make: what was trusted shall be trusted after an upgrade of Python.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    return context
