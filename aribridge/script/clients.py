"""Which clients a script has met: each is described to it once, and forgotten when it is gone."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

from aribridge.core.principal import Principal
from aribridge.script.host import Client


class Clients:
    """The clients that one script knows, by id; held weakly, since connections are the hub's."""

    def __init__(self) -> None:
        self._met: dict[str, weakref.ref[Client]] = {}
        self._told: dict[str, Principal] = {}
        self._gone: list[str] = []

    def describe(self, client: Client) -> dict[str, Any] | None:
        """What the script is to learn of the client; None when it has learnt that already."""
        if client.id not in self._met:
            self._met[client.id] = weakref.ref(client, partial(self._left, client.id))
        if self._told.get(client.id) is client.principal:
            return None
        self._told[client.id] = client.principal
        user = {name: value for name, value in client.principal.to_user().items() if value is not None}
        return {"user": user, "carrier": client.kind}

    def tell_again(self) -> None:
        """Describe everybody again: a description may have been lost on its way."""
        self._told.clear()

    def get(self, client_id: str) -> Client | None:
        """The client with this id, if it is still there."""
        reference = self._met.get(client_id)
        return reference() if reference else None

    def take_gone(self) -> list[str]:
        """The ids of clients that went away since the last call."""
        gone, self._gone = self._gone, []
        return gone

    def _left(self, client_id: str, _: weakref.ref[Client]) -> None:
        del self._met[client_id]
        self._told.pop(client_id, None)
        self._gone.append(client_id)
