"""What a gateway names in Asterisk tells that it was a gateway, and which one."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

NAMED = "aribridge-"
"""How every id begins that a gateway chose."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One gateway, the same after a restart: ``prefix`` begins the ids of what it makes (``aribridge-1f2e3d4c``)."""

    prefix: str

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

    def named(self, ident: str) -> bool:
        """Whether this gateway chose the id."""
        return ident.startswith(f"{self.prefix}-")
