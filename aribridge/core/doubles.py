"""Events that Asterisk tells twice: it does so where a link begins while calls do (``ari.doubled``)."""

from __future__ import annotations

from collections import OrderedDict

_SECONDS = 15.0
"""After a link began: by then what was told twice has come, even from an Asterisk under load."""
_MOST = 2000
"""Events remembered; the second telling comes right after the first."""
_OBJECTS = ('"channel":{', '"bridge":{', '"endpoint":{')


class Doubles:
    """Remembers the last events for a while after each beginning of a link. Times are seconds on any steady clock."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, None] = OrderedDict()
        self._until = 0.0

    def expect(self, now: float) -> None:
        """A link has begun."""
        self._texts.clear()
        self._until = now + _SECONDS

    def has_seen(self, text: str, now: float) -> bool:
        """Whether this very event came before, at its very millisecond.

        Without a timestamp (device states of Asterisk 16), or about no object, it may as well have happened twice: only
        objects have subscriptions of their own.
        """
        if now > self._until:
            self._texts.clear()
            return False
        if '"timestamp"' not in text or _is_about_nothing(text):
            return False
        if text in self._texts:
            return True
        self._texts[text] = None
        if len(self._texts) > _MOST:
            self._texts.popitem(last=False)
        return False


def _is_about_nothing(text: str) -> bool:
    """Whether somebody sent an event of their own to the application, and to nothing in it."""
    return '"type":"ChannelUserevent"' in text and not any(field in text for field in _OBJECTS)
