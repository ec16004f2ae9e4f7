"""Who is on the other side, as far as a token says."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Principal:
    """The subject of a token and what the token grants.

    ``ops`` are globs on ARI operation ids (``channels.*``); none means that nothing is allowed. ``expires`` is in
    Unix seconds, None for never. ``token`` is the token's own id, ``issued`` the earliest that our clock may have shown
    when it was made, where it says so.
    """

    sub: str
    tenant: str | None = None
    roles: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()
    expires: float | None = None
    token: str | None = None
    issued: float | None = None

    def may(self, operation: str) -> bool:
        """Whether the token allows the ARI operation with this id."""
        return _matches(self.ops, operation)

    def to_user(self) -> dict[str, Any]:
        """The ``user`` object of a welcome."""
        return {"sub": self.sub, "tenant": self.tenant, "roles": list(self.roles), "endpoints": list(self.endpoints)}


@lru_cache(1024)
def _matches(globs: tuple[str, ...], operation: str) -> bool:
    return any(fnmatchcase(operation, glob) for glob in globs)
