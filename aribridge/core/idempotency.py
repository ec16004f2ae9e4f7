"""The same key never has the same thing done twice: what became of keyed commands, for a while."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from aribridge.core.making import Thing, things_in
from aribridge.protocol.problems import Outcome, Problem

Reply = TypeVar("Reply")

SECONDS = 300.0
"""How long a key is remembered after its command ended."""
MOST_BYTES = 64 * 2**20
MOST_BYTES_OF_ONE = 16 * 2**20
"""About what all keys may take in memory, and those of one principal."""
_OVERHEAD = 1000


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key where it holds: for one principal, target and operation."""

    sub: str
    tenant: str | None
    target: str
    op: str
    key: str

    @property
    def words(self) -> tuple[str, ...]:
        """What the id of the thing made under this key follows from."""
        tenant = () if self.tenant is None else (self.tenant,)
        return (self.target, self.op, self.key, self.sub, *tenant)

    @property
    def principal(self) -> tuple[str, str | None]:
        """Whose it is."""
        return self.sub, self.tenant


class State(Enum):
    """What is known of a keyed command."""

    PENDING = auto()
    DONE = auto()
    UNKNOWN = auto()


@dataclass(slots=True)
class Entry(Generic[Reply]):
    """One keyed command.

    ``thing`` is what it is to make; ``fresh``: nothing had that id before. ``seen`` is the thing as the first event
    showed it that proves it made.
    """

    content: bytes
    state: State = State.PENDING
    reply: Reply | None = None
    thing: Thing | None = None
    fresh: bool = False
    seen: Mapping[str, Any] | None = None
    size: int = _OVERHEAD

    @property
    def to_read(self) -> Thing | None:
        """The thing that would prove by its being there that the command was carried out; None where it would not."""
        return self.thing if self.fresh and self.seen is None else None

    def settle(self, key: Key, found: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """What shows that a command of unknown outcome was carried out: an event, or the thing as it was ``found``.

        Raises Problem ``outcome_unknown``: that nothing is there proves nothing, it may be over, or come yet.
        """
        proof = self.seen or found
        if proof is None:
            detail = (
                f"Whether {key.op} under the key {key.key!r} was carried out is not known, and it is not sent again: "
                "look at the state of the call, then take a fresh key."
            )
            raise Problem("outcome_unknown", detail, outcome="unknown")
        return proof


class Idempotency(Generic[Reply]):
    """Keyed commands by key. Times are seconds on any steady clock.

    A command that is not over is never forgotten; what is over is kept for ``SECONDS``, and a new key is refused while
    there is no room.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES, most_of_one: int = MOST_BYTES_OF_ONE) -> None:
        self._most_bytes = most_bytes
        self._most_of_one = most_of_one
        self._entries: dict[Key, Entry[Reply]] = {}
        # A dict takes the longer to find its first entry the more were removed before it.
        self._ended: OrderedDict[Key, float] = OrderedDict()
        self._watched: dict[Thing, Key] = {}
        self._bytes_of: Counter[tuple[str, str | None]] = Counter()
        self.bytes = 0
        """About what all keys take in memory."""

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, key: Key, content: bytes, now: float) -> Entry[Reply] | None:
        """Take in a request: None when it is the first and to be carried out, else what is known of the first.

        Raises Problem ``key_reused`` for another ``content``, ``too_many_requests`` where there is no room.
        """
        self._expire(now)
        entry = self._entries.get(key)
        if entry is None:
            self._reserve(key)
            self._entries[key] = Entry(content)
            return None
        if entry.content != content:
            raise Problem("key_reused", f"The key {key.key!r} was used for {key.op} with other parameters before.")
        return entry

    def expect(self, key: Key, thing: Thing, *, fresh: bool) -> None:
        """A command is about to be sent that makes this thing."""
        entry = self._entries[key]
        entry.thing, entry.fresh = thing, fresh
        self._watched.setdefault(thing, key)

    def entry(self, key: Key) -> Entry[Reply] | None:
        """What is known of a command; None once it is forgotten."""
        return self._entries.get(key)

    def see(self, target: str, event: Mapping[str, Any]) -> None:
        """Take in an event of Asterisk's: it may show that something was made."""
        if not self._watched:
            return
        for thing, value, created in things_in(target, event):
            key = self._watched.get(thing)
            if key is not None and (created or self._entries[key].fresh):
                self._entries[key].seen = value
                del self._watched[thing]

    def over(self, key: Key, outcome: Outcome, reply: Reply, size: int, now: float) -> None:
        """The command ended, with this reply of ``size`` bytes. What was not carried out leaves the key free."""
        entry = self._entries.get(key)
        if entry is None:
            return
        if outcome == "not_applied":
            self._forget(key)
            return
        entry.state = State.DONE if outcome == "applied" else State.UNKNOWN
        if entry.state is State.DONE:
            entry.reply = reply
            self._resize(key, entry, _OVERHEAD + size)
            self._unwatch(key, entry)
        self._ended.pop(key, None)
        self._ended[key] = now + SECONDS

    def _expire(self, now: float) -> None:
        while self._ended and next(iter(self._ended.values())) <= now:
            key = next(iter(self._ended))
            self._forget(key)

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key)
        self._ended.pop(key, None)
        self._unwatch(key, entry)
        self._resize(key, entry, 0)

    def _unwatch(self, key: Key, entry: Entry[Reply]) -> None:
        if entry.thing is not None and self._watched.get(entry.thing) == key:
            del self._watched[entry.thing]

    def _resize(self, key: Key, entry: Entry[Reply], size: int) -> None:
        self._charge(key.principal, size - entry.size)
        entry.size = size

    def _reserve(self, key: Key) -> None:
        used = self._bytes_of[key.principal]
        if used + _OVERHEAD > self._most_of_one or self.bytes + _OVERHEAD > self._most_bytes:
            detail = (
                f"{len(self._entries)} keys are remembered, each for {SECONDS:.0f} s: send fewer keyed commands, "
                "or leave out the key where a repetition does no harm."
            )
            raise Problem("too_many_requests", detail, retry="after", after_ms=1000)
        self._charge(key.principal, _OVERHEAD)

    def _charge(self, principal: tuple[str, str | None], size: int) -> None:
        self.bytes += size
        self._bytes_of[principal] += size
        if not self._bytes_of[principal]:
            del self._bytes_of[principal]
