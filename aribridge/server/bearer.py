"""Bearer tokens on HTTP doors (RFC 6750 2.1: the Authorization header, never the URL)."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from aribridge.auth import Authenticator
from aribridge.core.principal import Principal
from aribridge.core.rates import READ, Payers, whose
from aribridge.protocol.problems import Problem
from aribridge.server.problems import PRINCIPAL

Charge = Callable[[Payers, float], None]
"""Raises Problem ``too_many_requests``."""

CHARGE: web.AppKey[Charge] = web.AppKey("CHARGE")
"""Under which the application keeps what takes from everyone's rate."""


async def bearer(request: web.Request, authenticator: Authenticator, *, cost: float = READ) -> Principal:
    """The principal of a request, who pays for it. Raises Problem ``unauthorized``, ``too_many_requests``."""
    principal = await optional_bearer(request, authenticator)
    if principal is None:
        raise Problem("unauthorized", "Send the token in the header Authorization: Bearer <token>.")
    request.app[CHARGE](whose(principal), cost)
    return principal


async def optional_bearer(request: web.Request, authenticator: Authenticator) -> Principal | None:
    """The principal of a request that has an Authorization header, None where it has none."""
    headers = request.headers.getall("Authorization", [])
    if not headers:
        return None
    if len(headers) > 1:
        # Whoever stands before the gateway may have judged the other one.
        raise Problem("unauthorized", "Send one Authorization header, not several.")
    scheme, _, token = headers[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem("unauthorized", "The Authorization header must read: Bearer <token>.")
    token = token.strip()
    await authenticator.learn(token)
    principal = authenticator.bearer(token)
    request[PRINCIPAL] = principal
    return principal
