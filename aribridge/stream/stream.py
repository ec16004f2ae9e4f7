"""The stream of one target: numbers what happens and tells every view of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aribridge.core.events import StreamEvent
from aribridge.core.filters import Filter
from aribridge.core.history import Entry
from aribridge.core.policy.names import Names
from aribridge.core.policy.scope import Sight, Subjects
from aribridge.core.policy.scopes import Scopes
from aribridge.core.settings import StreamSettings
from aribridge.core.state.changes import Change
from aribridge.core.state.objects import CallState
from aribridge.obs import metrics
from aribridge.protocol.messages import Subscribe
from aribridge.stream.interests import Interests
from aribridge.stream.log import Log
from aribridge.stream.modes import EventView, StateView
from aribridge.stream.saved import Saved
from aribridge.stream.view import Sink, View


class Stream:
    """The log of one target and its views. Before the first ``open`` and after each ``lost`` nothing comes."""

    def __init__(
        self,
        target: str,
        settings: StreamSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        names: Names | None = None,
    ) -> None:
        self.target = target
        self._log = Log(target, settings or StreamSettings(), clock)
        self._views: dict[View, None] = {}
        self._events: Interests[View] = Interests()
        self._states: Interests[View] = Interests()
        self.scopes = Scopes(names or Names({}))
        """Whose the objects of the target are."""

    @property
    def position(self) -> dict[str, Any]:
        """The newest position, as messages carry it."""
        return self._log.position

    @property
    def views(self) -> int:
        """How many views there are."""
        return len(self._views)

    @property
    def is_open(self) -> bool:
        """Whether events come and the call state is right."""
        return self._log.is_open

    @property
    def state(self) -> CallState:
        """The call state at the newest position."""
        return self._log.state

    def subscribe(
        self, wish: Subscribe, sink: Sink, most: int, sight: Sight | None = None
    ) -> tuple[View, dict[str, Any]]:
        """Start a view; return it with the body of the reply, which must be sent before anything of the view.

        ``most`` bounds one message in bytes, ``sight`` what may be told at all. Raises Problem ``bad_filter``.
        """
        make = StateView if wish.mode == "state" else EventView
        snapshot = wish.snapshot or ("if_needed" if wish.mode == "state" else "never")
        filter_ = Filter(wish.filter, objects=wish.mode == "state", sight=sight)
        view = make(self._log, wish.sub, filter_, sink, most, snapshots=snapshot != "never")
        # In place of patches a snapshot will do, but not in place of events.
        mode = view.begin(wish.since, always=snapshot == "always" and wish.mode == "state")
        self._views[view] = None
        self._interests(view).add(view, filter_)
        if wish.since is not None:
            metrics.resumes_total.labels(mode).inc()
        return view, {"sub": wish.sub, **view.position, "mode": mode}

    def unsubscribe(self, view: View) -> None:
        """End a view."""
        self._views.pop(view, None)
        self._interests(view).remove(view, view.filter)

    def rejudge(self, view: View, sight: Sight | None) -> None:
        """From here on the subscriber of a view may see other things."""
        interests = self._interests(view)
        interests.remove(view, view.filter)
        view.rejudge(sight)
        interests.add(view, view.filter)

    def note(self, event: Mapping[str, Any]) -> None:
        """Before an event is applied to the call state and told: see whose things become by it, and tell that first."""
        self._tell_moves(self.scopes.note(event))

    def note_known(self, event: Mapping[str, Any]) -> None:
        """As `note`, for an event that the call state has already: nothing of it is told."""
        self.scopes.note(event)

    def subjects(self, event: Mapping[str, Any]) -> Subjects:
        """What an event is about, and whose that is, for its labels."""
        return self.scopes.subjects(event)

    def settle(self) -> None:
        """The last known event was noted: see whose everything is now."""
        self._tell_moves(item.key for item in tuple(self.state.items()))

    def rename(self, names: Names) -> None:
        """Have things be whose their names say by a new policy, from here on."""
        self.scopes.rename(names)
        self.scopes.rebuild(self.state.all_values(), everything=self.state.everything)
        self.settle()

    def append(self, event: StreamEvent | None, changes: tuple[Change, ...] = ()) -> int:
        """Number what happened, and tell it to all whom it may concern; how many these are.

        ``event`` is None where a script dropped it.
        """
        entry = self._log.add(event, changes)
        concerned = self._concerned(entry)
        for view in concerned:
            view.push(entry)
        return len(concerned)

    def lost(self) -> None:
        """Events of the target are lost from here; nothing comes until ``open``."""
        self._restart(self._log.state, is_open=False)

    def open(self, state: CallState) -> None:
        """Events come, from now on without a hole, and the call state is this."""
        self._stamp(state)
        self._restart(state, is_open=True)

    def save(self) -> Saved | None:
        """The stream as it is, for the gateway's next run; None where that could not go on with it."""
        return self._log.save() if self._log.is_open else None

    def restore(self, saved: Saved, *, everything: bool) -> None:
        """Before anybody subscribes: go on with the stream of the last run; `prove`, `open` or `lost` must follow.

        ``everything``: the events of all objects come, not only those of the gateway's application.
        """
        self._log.restore(saved, everything=everything)
        self._stamp(self._log.state)

    def prove(self) -> None:
        """Nothing is missing between what was restored and what is appended from here on."""
        self._log.prove()

    def _interests(self, view: View) -> Interests[View]:
        return self._states if isinstance(view, StateView) else self._events

    def _concerned(self, entry: Entry) -> tuple[View, ...]:
        items = [item for change in entry.changes for item in (change.before, change.after) if item is not None]
        labels = [item.labels for item in items]
        told = self._events.concerned(labels if entry.labels is None else (entry.labels,))
        return told if self._states.is_empty or not labels else told + self._states.concerned(labels)

    def _stamp(self, state: CallState) -> None:
        self.scopes.rebuild(state.all_values(), everything=state.everything)
        state.stamp(self.scopes.of)

    def _tell_moves(self, keys: Iterable[tuple[str, str]]) -> None:
        """Have objects be whose they are now: each is a place in the stream of its own."""
        for key in keys:
            for change in self.state.restamp(*key):
                self.append(None, (change,))

    def _restart(self, state: CallState, *, is_open: bool) -> None:
        reason, end = self._log.break_reason, self._log.head
        self._log.restart(state, is_open=is_open)
        for view in tuple(self._views):
            view.interrupt(reason, end)
