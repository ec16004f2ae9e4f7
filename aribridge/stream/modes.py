"""What a view tells of the log: events as they are, or what changed in the call state."""

from __future__ import annotations

from collections.abc import Sequence

from aribridge.core.history import Entry
from aribridge.core.state.changes import join
from aribridge.protocol import encode
from aribridge.stream.view import View


class EventView(View):
    """Tells events; none is ever joined with another."""

    def _read_on(self) -> str | None:
        for seq in range(self._seen + 1, self._last_look() + 1):
            frame = self._read((self._log.history[seq],))
            if frame is not None:
                return frame
        return None

    def _read(self, entries: Sequence[Entry]) -> str | None:
        [entry] = entries
        self._seen = entry.seq
        tail = self._tail(entry)
        if not tail:
            return None
        frame = self._log.event(self.sub, self._told, tail)
        if encode.size(frame) > self._most:
            return self._too_large()
        self._told = entry.seq
        return frame

    def _tail(self, entry: Entry) -> str:
        """The end of the message for an entry; empty when the client gets none."""
        if entry.labels is None:
            return self._move(entry) if self._filter.sight is not None else ""
        return entry.tail if self._filter.passes(entry.labels) else ""

    def _move(self, entry: Entry) -> str:
        """That an object came into scope or left it, which has an entry of its own."""
        change = entry.changes[0] if entry.changes else None
        told = change.move_for(self._filter.selects) if change is not None and change.is_move else None
        if told is None or not self._filter.takes(told[0]):
            return ""
        return encode.event_tail(self._epoch, entry.seq, told[1])


class StateView(View):
    """Tells changes; those of one object that wait together are joined: first ``prev``, last ``seq``."""

    def _read_on(self) -> str | None:
        return self._read([self._log.history[seq] for seq in range(self._seen + 1, self._last_look() + 1)])

    def _read(self, entries: Sequence[Entry]) -> str | None:
        last = entries[-1].seq
        changes = join(change for entry in entries for change in entry.changes)
        texts = [text for change in changes if (text := change.text_for(self._filter.selects))]
        frame = encode.patch(self.sub, self._epoch, last, self._told, texts) if texts else ""
        if encode.size(frame) > self._most and len(entries) > 1:
            return self._read(entries[: len(entries) // 2])
        self._seen = last
        if not frame:
            return None
        if encode.size(frame) > self._most:
            return self._too_large()
        self._told = last
        return frame
