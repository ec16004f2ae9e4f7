"""JSON Web Tokens (RFC 7519): read by keys that are each bound to one algorithm, and minted."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Annotated, Any

import jwt
import msgspec

from aribridge.auth.keyring import KeyRing
from aribridge.auth.keys import Key, SigningKey
from aribridge.core.principal import Principal
from aribridge.core.settings import ClaimSettings
from aribridge.protocol.problems import Problem

TOKEN_BYTES = 8192

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Words = Annotated[tuple[_Word, ...], msgspec.Meta(max_length=256)]


class _Claims(msgspec.Struct, frozen=True):
    """What the gateway reads of a token whose signature and times are right."""

    sub: _Word
    exp: float
    jti: _Word | None = None
    iat: float | None = None
    tenant: _Word | None = None
    roles: _Words = ()
    endpoints: _Words = ()
    ops: _Words = ()


def read_token(ring: KeyRing, claims: ClaimSettings, leeway: float, token: str) -> Principal:
    """The principal of a token that a key of the ring signed; ``claims`` are the names that it uses.

    Raises Problem ``unauthorized``, whose text never has the token in it; with ``retry`` ``after`` where it names a key
    that its issuer may have published by then.
    """
    if len(token) > TOKEN_BYTES or not token.isascii():
        raise Problem("unauthorized", f"A token is ASCII text of at most {TOKEN_BYTES} bytes.")
    if (named := named_key(token)) is None:
        raise Problem("unauthorized", "The token is not a JSON Web Token.")
    keys = ring.find(*named)
    refused: Exception = jwt.InvalidSignatureError()
    for key in keys:
        try:
            return _principal(_verified(key, leeway, token), claims, leeway)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, OverflowError, RecursionError) as error:
            # Of several keys, the one whose signature fits knows why the token is refused.
            refused = refused if isinstance(error, jwt.InvalidSignatureError) else error
    if isinstance(refused, jwt.InvalidSignatureError) and (seconds := ring.ask(*named)) is not None:
        raise Problem("unauthorized", _UNKNOWN_KEY, retry="after", after_ms=math.ceil(seconds * 1000))
    raise Problem("unauthorized", _reason(refused, has_keys=bool(keys)))


def named_key(token: str) -> tuple[str, str | None] | None:
    """Algorithm and ``kid`` that the header of a token names, unverified; None for what is no JSON Web Token."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    return str(header.get("alg")), header.get("kid")


def mint(
    key: SigningKey,
    sub: str,
    *,
    seconds: float,
    tenant: str | None = None,
    roles: Sequence[str] = (),
    endpoints: Sequence[str] = (),
    ops: Sequence[str] = (),
    algorithm: str = "HS256",
    audience: str | None = None,
    issuer: str | None = None,
) -> str:
    """Sign a token that is good for some seconds. ``key`` is the secret for HS256, else the private key."""
    now = int(time.time())
    claims = {"sub": sub, "iat": now, "exp": now + int(seconds), "roles": list(roles), "endpoints": list(endpoints)}
    claims |= {"ops": list(ops)}
    optional = {"tenant": tenant, "aud": audience, "iss": issuer}
    claims |= {name: value for name, value in optional.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm)


def _verified(key: Key, leeway: float, token: str) -> dict[str, Any]:
    return jwt.decode(
        token,
        key.material,
        algorithms=[key.algorithm],
        audience=key.audience,
        issuer=key.issuer,
        leeway=leeway,
        options={"require": ["exp"], "verify_sub": False, "verify_jti": False},
    )


def _principal(claims: dict[str, Any], names: ClaimSettings, leeway: float) -> Principal:
    """It lasts as long as the token would be let in: a clock that is off must not end it sooner.

    It was issued when the gateway's clock may have shown that at the earliest: one that is off must not carry a token
    over the revocation of its subject.
    """
    found = {name: _claim(claims, place) for name, place in vars(names).items()}
    if found["sub"] is None:
        raise jwt.MissingRequiredClaimError(names.sub)
    present = {name: value for name, value in found.items() if value is not None}
    times = {name: claims[name] for name in ("exp", "iat", "jti") if name in claims}
    read = msgspec.convert(present | times, _Claims)
    issued = None if read.iat is None else read.iat - leeway
    return Principal(read.sub, read.tenant, read.roles, read.endpoints, read.ops, read.exp + leeway, read.jti, issued)


def _claim(claims: dict[str, Any], place: str) -> Any:
    """The claim of this name, else the one that the name leads to through objects; None where there is none."""
    if place in claims or not place:
        return claims.get(place)
    found: Any = claims
    for step in place.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


_UNKNOWN_KEY = "The token names a key (kid) that is not known; its issuer is asked for new ones now and then."

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet (nbf or iat is in the future)."),
    (jwt.InvalidAudienceError, "The token is for another audience (aud) than this gateway."),
    (jwt.InvalidIssuerError, "The token is from another issuer (iss) than this gateway trusts."),
    (jwt.InvalidSignatureError, "The token is not signed by a key of this gateway."),
)


def _reason(error: Exception, *, has_keys: bool) -> str:
    """Why a token is refused, in a sentence that repeats nothing of the token's but claim names."""
    if not has_keys:
        return "The token is signed with an algorithm, or by a key (kid), that this gateway has no key for."
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"The token lacks the {error.claim} claim."
    if isinstance(error, msgspec.ValidationError):
        return f"The token has a claim of the wrong shape: {error}."
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "The token is malformed.")
