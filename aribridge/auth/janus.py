"""Tokens of the Janus API: stored ones, which both sides know, and HMAC-signed ones.

``<expiry>,<realm>,<plugin>[,<plugin>…]:<signature>``: the expiry in Unix seconds, the realm ``janus``, the plugins that
the holder may attach to, and the base64 of the HMAC-SHA1 of everything before the colon
(https://janus.conf.meetecho.com/docs/auth.html).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aribridge.auth.keys import KeyFault, read_secret
from aribridge.core.settings import JanusAuthSettings, JanusTokenSettings
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


class JanusSecrets:
    """What lies in the files of ``[auth.janus]``: the static secret, that of signed tokens, and stored tokens."""

    def __init__(self, settings: JanusAuthSettings) -> None:
        """Read the files. Raises KeyFault."""
        self._settings = settings
        self._content: Mapping[str, bytes] = {}
        self._stored: Mapping[bytes, JanusTokenSettings] = {}
        self.replace(self.read())

    @property
    def files(self) -> list[Path]:
        """What was read."""
        return [Path(name) for name in self._content]

    @property
    def api_secret(self) -> bytes:
        """Empty where there is none."""
        return self._content.get(self._settings.api_secret_file, b"")

    @property
    def token_secret(self) -> bytes:
        """Empty where there is none."""
        return self._content.get(self._settings.token_secret_file, b"")

    def find(self, token: str) -> JanusTokenSettings | None:
        """What is stored of a token, None where it is none of these."""
        return self._stored.get(_hash(token.encode("utf-8", "surrogatepass")))

    def read(self) -> Mapping[str, bytes]:
        """Read the files anew. Raises KeyFault, with the name of one."""
        janus = self._settings
        names = [janus.api_secret_file, janus.token_secret_file, *(one.token_file for one in janus.tokens)]
        content = {name: _read(name) for name in names if name}
        holders: dict[bytes, str] = {}
        for one in janus.tokens:
            holder = holders.setdefault(_hash(content[one.token_file].strip()), one.name)
            if holder != one.name:
                raise KeyFault(f'{one.token_file} holds the token of "{holder}", too: give each a token of its own')
        return content

    def replace(self, content: Mapping[str, bytes]) -> list[Path]:
        """Use this content from now on; the files that have another."""
        before, self._content = self._content, content
        self._stored = {_hash(content[one.token_file].strip()): one for one in self._settings.tokens}
        return [Path(name) for name in content if content[name] != before.get(name)]


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


def _read(name: str) -> bytes:
    try:
        content = read_secret(name)
    except OSError as error:
        raise KeyFault(f"{name} {error.strerror}") from None
    if not content.strip():
        raise KeyFault(f"{name} is empty")
    return content


def _hash(token: bytes) -> bytes:
    """Tokens are found by these: how long that takes says nothing of what they are."""
    return hashlib.sha256(token).digest()


def _is_expiry(text: str) -> bool:
    return text.isdecimal() and len(text) <= EXPIRY_DIGITS
