"""Who a client is: its token checked and renewed, and scripts told that it came and went."""

from __future__ import annotations

import asyncio
import time

import structlog

from aribridge.core.principal import Principal
from aribridge.hub.liveness import Liveness
from aribridge.hub.parts import HubParts
from aribridge.obs import audit
from aribridge.protocol.problems import Problem
from aribridge.script import Client

log = structlog.get_logger("aribridge.hub")


class Identity:
    """The principal of one connection: the one that its carrier brought along, else None until a token was accepted."""

    def __init__(
        self, parts: HubParts, liveness: Liveness, client: Client, peer: str, principal: Principal | None
    ) -> None:
        self.principal = principal
        self._parts = parts
        self._liveness = liveness
        self._client = client
        self._peer = peer
        self._is_admitted = False
        self._introduction: asyncio.Task[None] | None = None
        """Until the scripts' ``on_connect`` is through."""
        if principal is not None:
            parts.owners.came(client.id, principal)

    def present(self, token: str) -> None:
        """Take the client for whom its token says; only that subject may renew it. Raises Problem.

        Who was a stranger is yet to be `admitted`.
        """
        stranger, self.principal = self.principal is None, self._verified(token)
        if stranger:
            self._parts.owners.came(self._client.id, self.principal)
        else:
            self._liveness.expire_at(self.principal.expires)

    def admitted(self, principal: Principal) -> None:
        """The client is let in: its time runs, and scripts are told that it came, once."""
        if self._is_admitted:
            return
        client = self._client
        log.info("connection.open", connection=client.id, carrier=client.kind, peer=self._peer, sub=principal.sub)
        audit.logged_in(principal, client.kind, client.address, client.id)
        self._liveness.expire_at(principal.expires)
        self._is_admitted = True
        self._introduction = self._parts.spawn(self._introduce())

    def check(self) -> None:
        """Raise Problem ``unauthorized`` where the token has expired: the time left is for a fresh one alone."""
        expires = None if self.principal is None else self.principal.expires
        if expires is not None and time.time() >= expires:
            raise Problem("unauthorized", "The token has expired; send a fresh one in an auth message.")

    async def introduced(self) -> None:
        """Wait until the scripts' ``on_connect`` is through, so that they never meet a stranger."""
        if self._introduction is not None:
            await asyncio.wait([self._introduction])

    def left(self, reason: str) -> None:
        """Have scripts told that the client is gone, after they were told that it came."""
        if self._is_admitted:
            self._parts.spawn(self._take_leave(reason))

    @property
    def expires_in(self) -> int | None:
        """Seconds until the token ends; None for never."""
        expires = None if self.principal is None else self.principal.expires
        return None if expires is None else max(0, int(expires - time.time()))

    async def _introduce(self) -> None:
        try:
            await self._parts.scripts.on_connect(self._client)
        finally:
            self._introduction = None

    async def _take_leave(self, reason: str) -> None:
        await self.introduced()
        await self._parts.scripts.on_disconnect(self._client, reason)

    def _verified(self, token: str) -> Principal:
        principal, before = self._parts.authenticate(token), self.principal
        if before is not None and (before.sub, before.tenant) != (principal.sub, principal.tenant):
            raise Problem("unauthorized", "The token is of another subject than this connection's.")
        return principal
