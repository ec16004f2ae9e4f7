"""What each connection, subject, tenant and address may have of the gateway: how many connections, how much work."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable

from aribridge.core.neighbours import neighbourhood
from aribridge.core.places import Places
from aribridge.core.principal import Principal
from aribridge.core.rates import Payers, Rates, alone, payers
from aribridge.core.settings import LimitSettings
from aribridge.protocol.problems import Problem

_COSTS = "a read costs 1, a write 5, an offer 25, an originate 100"


class Seats:
    """The shares of all clients."""

    def __init__(self, limits: LimitSettings) -> None:
        self.limits = limits
        self.subjects = Places(limits.subject_connections)
        self.addresses = Places(limits.address_connections)
        self.strangers = Places(limits.address_handshakes)
        self.unknown = 0
        self._rates = Rates(limits.rate, limits.burst)

    def charge(self, payers: Payers, cost: float) -> None:
        """Charge everyone who pays for a request; raises Problem ``too_many_requests``, and nobody is charged then."""
        short = self._rates.take(payers, cost, time.monotonic())
        if short is not None:
            kind, seconds = short
            detail = f"This {kind} asks for more than {self.limits.rate:g} a second (limits.rate; {_COSTS})."
            raise Problem("too_many_requests", detail, after_ms=math.ceil(seconds * 1000))


class Seat:
    """One connection's part in the shares of its subject and its address."""

    def __init__(self, seats: Seats, connection: str, address: str) -> None:
        self._seats = seats
        self._address = neighbourhood(address)
        self._connection = connection
        self._payers = payers(None, address, connection)
        self._subject: Hashable = None
        self._placed = self._stranger = False
        self.refusals = 0
        """How often it asked for more than it may."""

    def take(self, *, stranger: bool) -> str | None:
        """Take a place; else say why there is none. A ``stranger`` has yet to say hello."""
        seats, address = self._seats, self._address
        if not seats.addresses.take(address):
            return f"{seats.addresses.most} connections come from your address, the limit (limits.address_connections)."
        self._placed = True
        if stranger:
            return self._wait()
        return None

    def admit(self, principal: Principal) -> None:
        """The client is known. Raises Problem ``too_many_requests`` where its subject has enough connections."""
        subjects, subject = self._seats.subjects, (principal.tenant, principal.sub)
        if not subjects.take(subject):
            detail = f"{subjects.most} connections of this subject are open, the limit (limits.subject_connections)."
            raise Problem("too_many_requests", detail, after_ms=1000)
        self._subject = subject
        self._payers = payers(principal, self._address, self._connection)
        self._greeted()

    def charge(self, cost: float) -> None:
        """Charge for a request. Raises Problem ``too_many_requests``."""
        self._charge(self._payers, cost)

    def charge_alone(self, cost: float) -> None:
        """Charge the connection, and nobody else who pays for it. Raises Problem ``too_many_requests``."""
        self._charge(alone(self._connection), cost)

    def leave(self) -> None:
        """Give the places back; idempotent."""
        self._greeted()
        if self._placed:
            self._placed = False
            self._seats.addresses.give(self._address)
        if self._subject is not None:
            self._seats.subjects.give(self._subject)
            self._subject = None

    def _charge(self, payers: Payers, cost: float) -> None:
        try:
            self._seats.charge(payers, cost)
        except Problem:
            self.refusals += 1
            raise

    def _wait(self) -> str | None:
        seats = self._seats
        if seats.unknown >= seats.limits.handshakes:
            return f"{seats.limits.handshakes} connections have yet to say hello, the limit (limits.handshakes)."
        if not seats.strangers.take(self._address):
            most = seats.strangers.most
            return f"{most} connections from your address have yet to say hello (limits.address_handshakes)."
        seats.unknown += 1
        self._stranger = True
        return None

    def _greeted(self) -> None:
        if self._stranger:
            self._stranger = False
            self._seats.unknown -= 1
            self._seats.strangers.give(self._address)
