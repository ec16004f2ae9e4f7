"""Sets of public keys that an issuer publishes."""

from __future__ import annotations

from aribridge.auth.jwks import MOST_KEYS, read_jwks
from aribridge.auth.keys import KeyFault

LONGEST = 16_384
SECONDS = 0.5
ALGORITHMS = ("RS256", "ES256", "EdDSA")


def try_one(data: bytes) -> None:
    """The first byte says for which algorithm the set is read."""
    if not data:
        return
    try:
        read = read_jwks(ALGORITHMS[data[0] % len(ALGORITHMS)], data[1:])
    except KeyFault as fault:
        assert len(str(fault)) < 200 * MOST_KEYS
        return
    assert 0 < len(read.keys) <= MOST_KEYS
    assert all(kid is None or isinstance(kid, str) for kid in read.keys)
