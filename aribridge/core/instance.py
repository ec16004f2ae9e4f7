"""What a gateway names in Asterisk tells that it was a gateway, and which one."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

NAMED = "aribridge-"
"""How every id begins that a gateway chose."""
_FLOW = "-flow-"


@dataclass(frozen=True, slots=True)
class Instance:
    """One gateway, the same after a restart: ``prefix`` begins the ids of what it makes (``aribridge-1f2e3d4c``)."""

    prefix: str

    @classmethod
    def fresh(cls) -> Instance:
        """A gateway that was not there before."""
        return cls(NAMED + secrets.token_hex(4))

    def name(self, *about: str) -> str:
        """The id of what is made about these words: the same words, the same id."""
        digest = hashlib.sha256()
        for word in about:
            encoded = word.encode("utf-8", "surrogatepass")
            digest.update(b"%d:%b" % (len(encoded), encoded))
        return f"{self.prefix}-{digest.hexdigest()[:32]}"

    def fresh_name(self) -> str:
        """An id that nothing has had."""
        return f"{self.prefix}-{secrets.token_hex(16)}"

    def fresh_flow(self) -> str:
        """An id for a call flow; those of what it makes begin with it."""
        return f"{self.prefix}{_FLOW}{secrets.token_hex(8)}"

    def named_by_flow(self, ident: str) -> bool:
        """Whether a call flow of this gateway chose the id."""
        return ident.startswith(self.prefix + _FLOW)

    def named(self, ident: str) -> bool:
        """Whether this gateway chose the id."""
        return ident.startswith(f"{self.prefix}-")
