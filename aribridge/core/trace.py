"""What happened to each call lately: its events, commands, script log lines and errors; bounded, for `aribridge trace`.

A call is a set of channels that belong together: two halves of a Local channel, the legs of a dial, the channel that
replaces another, the two members of a bridge, what a command or a script made for a channel.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from aribridge.core.command import Command
from aribridge.core.events import subjects
from aribridge.core.trace_text import channels_in, clipped, command_text, event_text

What = Literal["event", "command", "log", "error"]

MOST_CALLS = 1_000
MOST_ENTRIES = 200
"""Of one call; of all together 50 a call on average, so that the memory is bounded by some tens of MB."""
MOST_CHANNELS = 64
"""Of one call: a conference must not become one."""
_TOGETHER = 2


class Entry(msgspec.Struct, frozen=True, order=True, gc=False):
    """One thing that happened: Unix seconds, its kind, a line of text."""

    at: float
    what: What
    text: str


@dataclass(slots=True, eq=False)
class Call:
    """Channels that belong together, and what happened to them; ``left_out`` counts what was too much to keep."""

    channels: set[str] = field(default_factory=set)
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    left_out: int = 0

    def in_order(self) -> list[Entry]:
        """The entries by time; a command stands where it began."""
        return sorted(self.entries, key=lambda entry: entry.at)


class Traces:
    """The calls of one Asterisk on which something happened last."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._calls: OrderedDict[Call, None] = OrderedDict()
        self._of: dict[str, Call] = {}
        self._halves: dict[str, str] = {}
        self._kept = 0

    def event(self, event: Mapping[str, Any]) -> Collection[str]:
        """Take an event of Asterisk's; the ids of the channels that it is about."""
        ids = subjects(event)
        if ids:
            call = self._join(ids + self._related(event))
            self._add(call, Entry(self._clock(), "event", event_text(event)))
        return ids

    def command(self, command: Command, by: str, result: str, began: float, made: str | None = None) -> None:
        """Take a command that is over; ``made`` is the id of the channel that it made.

        Those about channels that nothing is known of are left out: clients may name what they like.
        """
        known = [ident for ident in (*channels_in(command), *self._current()) if ident in self._of]
        if made is None and not known:
            return
        call = self._join(known if made is None else (*known, made))
        self._add(call, Entry(began, "command", command_text(command, by, result)))

    def note(self, ids: Iterable[str], what: What, text: str) -> None:
        """Take what happened to these channels; nothing if they are forgotten already."""
        for call in dict.fromkeys(self._of[ident] for ident in ids if ident in self._of):
            if call in self._calls:  # one of them may be forgotten for the other
                self._add(call, Entry(self._clock(), what, clipped(text)))

    def about(self, ids: Collection[str]) -> AbstractContextManager[None]:
        """While this lasts, and in tasks and timers that are started meanwhile, ``note`` is about these channels."""
        return _About(self, ids)

    def turn_to(self, ids: Iterable[str]) -> None:
        """From here on the present run of a script is about these channels, too; see ``run``."""
        traces, others = _CURRENT.get()
        if traces in {None, self}:
            _CURRENT.set((self, tuple(dict.fromkeys((*ids, *others)))[:MOST_CHANNELS]))

    def lost(self) -> None:
        """Names of channels mean nothing any more: Asterisk may have been started anew."""
        self._halves.clear()

    def find(self, ident: str) -> list[Call]:
        """The call with a channel of this id, else the calls with one whose id begins so."""
        if call := self._of.get(ident):
            return [call]
        return list(dict.fromkeys(call for channel, call in self._of.items() if channel.startswith(ident)))

    def _current(self) -> Collection[str]:
        traces, ids = _CURRENT.get()
        return ids if traces is self else ()

    def _related(self, event: Mapping[str, Any]) -> list[str]:
        """Channels that belong to those of an event, though the event is not about them."""
        found: list[str] = []
        bridge = event.get("bridge")
        if isinstance(bridge, dict) and bridge.get("bridge_type") == "mixing":
            members = bridge.get("channels")
            if isinstance(members, list) and len(members) == _TOGETHER:
                found += [member for member in members if member in self._of]
        if half := self._other_half(event):
            found.append(half)
        return found

    def _other_half(self, event: Mapping[str, Any]) -> str | None:
        """The other half of a Local channel, once both are known: Local/…;1 and Local/…;2 are one call."""
        channel = event.get("channel")
        if not isinstance(channel, dict):
            return None
        ident, name = channel.get("id"), channel.get("name")
        if not isinstance(ident, str) or not isinstance(name, str) or not name.startswith("Local/"):
            return None
        both = name.rpartition(";")[0]
        other = self._halves.setdefault(both, ident)
        if event.get("type") == "ChannelDestroyed":
            del self._halves[both]
        elif len(self._halves) > MOST_CALLS:
            del self._halves[next(iter(self._halves))]
        return other if other != ident and other in self._of else None

    # --- keeping

    def _join(self, ids: Sequence[str]) -> Call:
        """The call of these channels, which is made of several where they had none in common so far."""
        call = self._of.get(ids[0]) or self._new(ids[0])
        for ident in ids[1:]:
            other = self._of.get(ident) or self._new(ident)
            if other is not call and len(call.channels) + len(other.channels) <= MOST_CHANNELS:
                self._merge(call, other)
        return call

    def _new(self, ident: str) -> Call:
        call = self._of[ident] = Call({ident})
        self._calls[call] = None
        return call

    def _merge(self, call: Call, other: Call) -> None:
        entries = sorted((*call.entries, *other.entries))
        call.left_out += other.left_out + max(0, len(entries) - MOST_ENTRIES)
        self._kept -= max(0, len(entries) - MOST_ENTRIES)
        call.entries = deque(entries, maxlen=MOST_ENTRIES)
        call.channels |= other.channels
        self._of.update(dict.fromkeys(other.channels, call))
        del self._calls[other]

    def _add(self, call: Call, entry: Entry) -> None:
        full = len(call.entries) == MOST_ENTRIES
        call.left_out += full
        self._kept += not full
        call.entries.append(entry)
        self._calls.move_to_end(call)
        while len(self._calls) > MOST_CALLS or self._kept > MOST_CALLS * MOST_ENTRIES // 4:
            self._forget()

    def _forget(self) -> None:
        call, _ = self._calls.popitem(last=False)
        self._kept -= len(call.entries)
        for ident in call.channels:
            del self._of[ident]


class _About:
    """What `Traces.about` returns; written out, since a generator's takes three times the time, for each event."""

    __slots__ = ("_current", "_token")

    def __init__(self, traces: Traces, ids: Collection[str]) -> None:
        self._current = (traces, ids)

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._current)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


_CURRENT: ContextVar[tuple[Traces | None, Collection[str]]] = ContextVar("aribridge_trace", default=(None, ()))


@contextmanager
def run() -> Iterator[None]:
    """A run of a script: what it turns to ends with it."""
    token = _CURRENT.set(_CURRENT.get())
    try:
        yield
    finally:
        _CURRENT.reset(token)


def note(what: What, text: str) -> None:
    """Take what happened to the channels that the present work is about; nothing if it is about none."""
    traces, ids = _CURRENT.get()
    if traces is not None:
        traces.note(ids, what, text)
