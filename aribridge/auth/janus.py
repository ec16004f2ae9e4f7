"""HMAC-signed tokens of the Janus API.

``<expiry>,<realm>,<plugin>[,<plugin>…]:<signature>``: the expiry in Unix seconds, the realm ``janus``, the plugins that
the holder may attach to, and the base64 of the HMAC-SHA1 of everything before the colon
(https://janus.conf.meetecho.com/docs/auth.html).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass

from aribridge.protocol.problems import Problem

REALM = "janus"
TOKEN_BYTES = 4096
EXPIRY_DIGITS = 12


@dataclass(frozen=True, slots=True)
class SignedToken:
    """What a verified token says.

    ``expires`` is in Unix seconds, leeway included; ``fingerprint`` is the same for the same token.
    """

    expires: float
    plugins: tuple[str, ...]
    fingerprint: str


def is_signed_token(token: str) -> bool:
    """Whether the text has the shape of a signed token; a JSON Web Token never has."""
    return ":" in token


def sign(secret: bytes, text: str) -> str:
    """The token for a text ``<expiry>,janus,<plugin>…``."""
    # SHA-1 is the Janus API's choice; in an HMAC its collisions are of no use to a forger.
    digest = hmac.digest(secret, text.encode(), hashlib.sha1)
    return f"{text}:{base64.b64encode(digest).decode()}"


def read_signed_token(secret: bytes, leeway: float, token: str) -> SignedToken:
    """Verify a token. Raises Problem ``unauthorized``, without the token in it."""
    if len(token) > TOKEN_BYTES or not token.isascii():
        raise Problem("unauthorized", f"A token is ASCII text of at most {TOKEN_BYTES} bytes.")
    text, _, _ = token.partition(":")
    if not hmac.compare_digest(sign(secret, text), token):
        raise Problem("unauthorized", "The token is not signed with this gateway's secret for Janus tokens.")
    expiry, _, grants = text.partition(",")
    realm, *plugins = grants.split(",")
    if realm != REALM or not _is_expiry(expiry):
        raise Problem("unauthorized", f"The token is not of the form <expiry>,{REALM},<plugin>…")
    if time.time() >= int(expiry) + leeway:
        raise Problem("unauthorized", "The token has expired.")
    return SignedToken(int(expiry) + leeway, tuple(plugins), hashlib.sha256(text.encode()).hexdigest()[:16])


def _is_expiry(text: str) -> bool:
    return text.isdecimal() and len(text) <= EXPIRY_DIGITS
