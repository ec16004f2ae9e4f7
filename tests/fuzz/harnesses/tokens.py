"""Credentials: JSON Web Tokens and Janus's signed tokens, with wrong signatures and, worse, with right ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import tempfile

import msgspec

from aribridge.auth.authenticator import Authenticator
from aribridge.auth.janus import sign
from aribridge.core.principal import Principal
from aribridge.core.settings import AuthSettings, JanusAuthSettings, JwtSettings
from aribridge.protocol.problems import Problem

LONGEST = 12_288
SECONDS = 0.3
_SECRET = b"s" * 32


def _authenticator() -> Authenticator:
    with tempfile.NamedTemporaryFile() as file:
        file.write(_SECRET)
        file.flush()
        janus = JanusAuthSettings(api_secret_file=file.name, token_secret_file=file.name, roles=["agent"])
        return Authenticator(AuthSettings(jwt=[JwtSettings(key_file=file.name, audience="pbx")], janus=janus))


_AUTHENTICATOR = _authenticator()


def try_one(data: bytes) -> None:
    """The first byte: a token as it is; claims to sign, header and claims to sign; a text to sign as Janus does."""
    kind, rest = data[0] % 4 if data else 0, data[1:]
    if kind == 0:
        _refused(rest.decode("utf-8", "surrogateescape"))
    elif kind == 3:
        _judge(sign(_SECRET, rest.decode("utf-8", "replace")))
    else:
        header, _, claims = rest.partition(b"\n") if kind == 2 else (b'{"alg":"HS256","typ":"JWT"}', b"", rest)
        _judge(_signed(header, claims))


def _signed(header: bytes, claims: bytes) -> str:
    body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims))
    signature = base64.urlsafe_b64encode(hmac.digest(_SECRET, body, hashlib.sha256)).rstrip(b"=")
    return (body + b"." + signature).decode()


def _refused(token: str) -> None:
    for judge in (_AUTHENTICATOR.bearer, lambda text: _AUTHENTICATOR.janus(text, text, "janus.plugin.lua")):
        try:
            principal = judge(token)
        except Problem as problem:
            _check(problem, token)
        else:
            raise AssertionError(f"let in without a signature: {principal}")


def _judge(token: str) -> None:
    for judge in (_AUTHENTICATOR.bearer, lambda text: _AUTHENTICATOR.janus(None, text, "aribridge.plugin.ari")):
        try:
            principal = judge(token)
        except Problem as problem:
            _check(problem, token)
        else:
            _check_principal(principal)


def _check(problem: Problem, token: str) -> None:
    assert problem.code in {"unauthorized", "forbidden"}, problem
    assert len(msgspec.json.encode(problem.to_error())) < 2000, problem
    assert len(token) < 32 or token not in problem.detail, "the token is repeated"


def _check_principal(principal: Principal) -> None:
    assert principal.sub
    assert principal.expires is not None, "a token without an end"
    assert all(
        isinstance(word, str) for words in (principal.roles, principal.endpoints, principal.ops) for word in words
    )
