"""Fetches a set of public keys, or says why it does not come and what to do about it."""

from __future__ import annotations

import re

import aiohttp

from aribridge.auth.jwks import JwkSet, read_jwks
from aribridge.auth.keys import KeyFault
from aribridge.trust import distrust, machines_trust

MOST_BYTES = 262_144
_ANSWER_SECONDS = 10.0
_MAX_AGE = re.compile(r"\bmax-age=\"?(\d{1,9})")
_UNKNOWN_CA = (
    "name the file of its CA's certificate in SSL_CERT_FILE, in the environment of the gateway, and restart it"
)
_HEADERS = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


async def fetch_jwks(url: str, algorithm: str) -> tuple[JwkSet, float | None]:
    """The keys for an algorithm that a URL has now, and the ``max-age`` of its Cache-Control in seconds.

    Raises KeyFault, with cause and remedy.
    """
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(headers=_HEADERS, timeout=timeout) as http,
            http.get(url, allow_redirects=False, ssl=machines_trust()) as response,
        ):
            _check(response)
            content = await _body(response)
    except TimeoutError:
        text = f"no answer in {_ANSWER_SECONDS:.0f} s: is the address right, and may this machine reach it?"
        raise KeyFault(text) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise KeyFault(_outage(error)) from None
    found = _MAX_AGE.search(response.headers.get("Cache-Control", "").lower())
    return read_jwks(algorithm, content), float(found[1]) if found else None


def _check(response: aiohttp.ClientResponse) -> None:
    if response.status in range(300, 400):
        raise KeyFault("it redirects to another address: put that into jwks_url, if it is the issuer's")
    if response.status != 200:
        raise KeyFault(f"it answers {response.status}: the issuer's openid-configuration names its jwks_uri")


async def _body(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        content += chunk
        if len(content) > MOST_BYTES:
            raise KeyFault(f"it answers more than {MOST_BYTES} bytes: this is no set of keys")
    return bytes(content)


def _outage(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted {distrust(error.certificate_error, 'jwks_url', _UNKNOWN_CA)}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "it does not speak TLS, or none that is taken here: is the address right?"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"it cannot be reached ({error.os_error.strerror or error.os_error}): is the address right?"
    return f"no answer in HTTP ({type(error).__name__}): is the address right?"
