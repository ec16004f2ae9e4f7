"""Keys that sign and verify tokens, as they lie in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from aribridge.core.settings import JwtSettings
from aribridge.files import read_regular

SECRET_BYTES = 32  # RFC 7518, section 3.2: as long as the hash.
RSA_BITS = 2048  # RFC 7518, section 3.3.

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

KeyMaterial = bytes | PublicKey

SigningKey = bytes | RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey


class KeyFault(Exception):
    """A key cannot be used; the text says why, and never shows the key."""


@dataclass(frozen=True, slots=True)
class Key:
    """What one ``[[auth.jwt]]`` trusts: tokens of this one algorithm, by this key, for this audience and issuer."""

    algorithm: str
    material: KeyMaterial
    audience: str | None = None
    issuer: str | None = None


def key_of(settings: JwtSettings, material: KeyMaterial) -> Key:
    """A key as the section trusts it."""
    return Key(settings.algorithm, material, settings.audience or None, settings.issuer or None)


def pick(keys: Mapping[str | None, Key], kid: str | None) -> Sequence[Key]:
    """The key of a set that a token names; a token that names none means the only one."""
    if kid is None:
        return list(keys.values()) if len(keys) == 1 else ()
    return [keys[kid]] if kid in keys else ()


def read_material(algorithm: str, content: bytes) -> KeyMaterial:
    """The secret (HS256) or the public key in PEM that a file holds. Raises KeyFault."""
    return _secret(content) if algorithm == "HS256" else _public_key(algorithm, content)


def read_secret(path: str) -> bytes:
    """The content of a file without the line break that editors put at its end. Raises OSError."""
    return _without_break(read_regular(path))


def _without_break(content: bytes) -> bytes:
    return content.removesuffix(b"\n").removesuffix(b"\r")


def _secret(content: bytes) -> bytes:
    if b"-----BEGIN" in content:
        raise KeyFault(
            "is a PEM file, which HS256 does not use; set algorithm to RS256, ES256 or EdDSA, or use a random text"
        )
    if len(content) < SECRET_BYTES:
        raise KeyFault(
            f"is shorter than {SECRET_BYTES} bytes, which can be guessed; make one with `openssl rand -base64 48`"
        )
    return content


def _public_key(algorithm: str, content: bytes) -> PublicKey:
    if b"PRIVATE KEY-----" in content:
        raise KeyFault("is a private key; give the public one (`openssl pkey -in private.pem -pubout`)")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFault("is not a public key in PEM (it begins with -----BEGIN PUBLIC KEY-----)") from None
    return fitting(algorithm, key)


def fitting(algorithm: str, key: object) -> PublicKey:
    """The key, if it is one for this algorithm and long enough. Raises KeyFault."""
    if algorithm == "EdDSA" and isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return key
    if algorithm == "ES256" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    if algorithm == "RS256" and isinstance(key, RSAPublicKey):
        if key.key_size < RSA_BITS:
            raise KeyFault(f"has {key.key_size} bits; RS256 needs {RSA_BITS} or more")
        return key
    raise KeyFault(f"is a public key of another kind than {algorithm} needs")


def read_signing_key(path: str) -> tuple[str, SigningKey]:
    """Algorithm and key to sign with: a private key in PEM, else the secret of HS256. Raises KeyFault, OSError.

    It may come through a pipe, from a password manager: it is read this once.
    """
    content = _without_break(Path(path).read_bytes())
    if b"PRIVATE KEY-----" not in content:
        return "HS256", _secret(content)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFault("is not a private key in PEM without a passphrase") from None
    if isinstance(key, RSAPrivateKey):
        return "RS256", key
    if isinstance(key, Ed25519PrivateKey | Ed448PrivateKey):
        return "EdDSA", key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return "ES256", key
    raise KeyFault("is a private key of a kind that no algorithm here uses")
