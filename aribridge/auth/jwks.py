"""Sets of public keys (JWK Set, RFC 7517), each key bound to the algorithm of the section that names the set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt
import msgspec

from aribridge.auth.keys import KeyFault, PublicKey, fitting

MOST_KEYS = 64
_NAMES = {"EdDSA": ["EdDSA", "Ed25519", "Ed448"]}
"""What else an algorithm is called in a key (RFC 9864)."""


class JwkSet(NamedTuple):
    """The keys for one algorithm by their ``kid``, None for one without; ``refused`` says why others are not used."""

    keys: Mapping[str | None, PublicKey]
    refused: tuple[str, ...]


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


def read_jwks(algorithm: str, content: bytes) -> JwkSet:
    """Read a set. Raises KeyFault when it is none, or has no key for the algorithm."""
    try:
        found = msgspec.json.decode(content, type=_Set).keys
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise KeyFault('is not a JWK Set, which reads {"keys": [...]}') from None
    if len(found) > MOST_KEYS:
        raise KeyFault(f"has {len(found)} keys; at most {MOST_KEYS} are taken")
    keys: dict[str | None, PublicKey] = {}
    refused: list[str] = []
    for jwk in found:
        kid = jwk.get("kid")
        try:
            keys.setdefault(kid if isinstance(kid, str) else None, _key(algorithm, jwk))
        except KeyFault as fault:
            refused.append(f"{str(kid)[:64]} {fault}")
    if not keys:
        raise KeyFault(f"has no key for {algorithm} ({'; '.join(refused) or 'it is empty'})")
    return JwkSet(keys, tuple(refused))


def _key(algorithm: str, jwk: Mapping[str, Any]) -> PublicKey:
    if jwk.get("kty") == "oct" or "d" in jwk:
        raise KeyFault("is a secret, which has no place in a set of public keys")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise KeyFault("is not for signatures (use, key_ops)")
    if jwk.get("alg", algorithm) not in _NAMES.get(algorithm, [algorithm]):
        raise KeyFault("is for another algorithm (alg)")
    try:
        key = jwt.PyJWK(dict(jwk), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        raise KeyFault("cannot be read, or is of another kind") from None
    return fitting(algorithm, key)
