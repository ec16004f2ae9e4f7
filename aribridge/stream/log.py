"""The log of one target: its epoch, its history, and the call state at its head.

Positions are (epoch, seq). An epoch lasts while continuity is certain; within one, seqs follow one another from 1.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from aribridge.core.events import StreamEvent
from aribridge.core.history import Entry, History
from aribridge.core.settings import StreamSettings
from aribridge.core.state.changes import Change, Item
from aribridge.core.state.objects import CallState
from aribridge.protocol import encode
from aribridge.protocol.messages import Position
from aribridge.stream.saved import Saved


class Log:
    """What was told of one target. ``is_open``: its events come, and ``state`` is right."""

    def __init__(self, target: str, settings: StreamSettings, clock: Callable[[], float]) -> None:
        self.target = target
        self.is_open = False
        self.history = History(
            most_events=settings.history_events,
            most_bytes=settings.history_bytes,
            most_seconds=settings.history_seconds,
        )
        self.state = CallState()
        self._clock = clock
        self._run, self._epochs = _fresh_run(), 0
        self._is_proven = True
        self._frozen: tuple[Item, ...] | None = None
        self._frame: tuple[int, int, str, str] = (0, 0, "", "")
        self.restart(CallState(), is_open=False)

    @property
    def head(self) -> int:
        """The seq of the newest entry."""
        return self.history.head

    @property
    def position(self) -> dict[str, Any]:
        """The newest position, as messages carry it."""
        return {"epoch": self.epoch, "seq": self.head}

    def add(self, event: StreamEvent | None, changes: tuple[Change, ...]) -> Entry:
        """Number what happened; ``event`` is None where a script dropped it."""
        seq = self.head + 1
        tail = "" if event is None else encode.event_tail(self.epoch, seq, event.text)
        entry = Entry(seq, tail, None if event is None else event.labels, changes)
        self.history.append(entry, self._clock())
        if changes:
            self._frozen = None
        return entry

    def event(self, sub: int, prev: int, tail: str) -> str:
        """An event message; clients that stand at the same place, by the same number, get the same one."""
        was = self._frame
        if was[2] is tail and was[1] == prev and was[0] == sub:
            return was[3]
        frame = encode.event(sub, prev, tail)
        self._frame = (sub, prev, tail, frame)
        return frame

    def restart(self, state: CallState, *, is_open: bool) -> None:
        """Begin a new epoch: what came before and what comes now cannot be proven to join."""
        # The run is in the epoch, so that a position of an earlier run can be told from one of ours that ended.
        if not self._is_proven:
            self._run, self._epochs, self._is_proven = _fresh_run(), 0, True
        self._epochs += 1
        self.epoch = f"{self._run}.{self._epochs}"
        self.history.restart()
        self.state, self.is_open, self._frozen = state, is_open, None

    def save(self) -> Saved:
        """The log as it is; to be saved only while it is open."""
        entries = tuple(self.history.aged(self._clock()))
        return Saved(self.epoch, self.head, entries, self.state.all_values(), self.state.gone)

    def restore(self, saved: Saved, *, everything: bool) -> None:
        """Go on with the log of an earlier run, for now: events of its Asterisk prove it (`prove`), or `restart`."""
        now = self._clock()
        state = CallState(everything=everything)
        state.restore(saved.values, saved.gone, now)
        self.restart(state, is_open=True)
        run, _, number = saved.epoch.partition(".")
        self._run, self._epochs, self._is_proven = run, int(number), False
        self.epoch = saved.epoch
        self.history.restore(saved.head, saved.entries, now)

    def prove(self) -> None:
        """What comes now follows, without a hole, on what was restored."""
        self._is_proven = True

    @property
    def break_reason(self) -> str:
        """Why clients miss something if it is to `restart` now, as the reason of a gap."""
        return "upstream_lost" if self._is_proven else "restarted"

    def refusal(self, since: Position) -> str | None:
        """Why not everything after ``since`` can be told, as the reason of a gap; None if it can."""
        if since.epoch != self.epoch:
            return "upstream_lost" if since.epoch.partition(".")[0] == self._run else "restarted"
        if not self.is_open:
            return "upstream_lost"
        self.history.expire(self._clock())
        return None if self.history.follows(since.seq) else "history_expired"

    def frozen(self) -> tuple[Item, ...]:
        """All objects as they are at the head, made once for all who ask meanwhile."""
        if self._frozen is None:
            self._frozen = tuple(self.state.items())
        return self._frozen


def _fresh_run() -> str:
    return secrets.token_hex(4)
