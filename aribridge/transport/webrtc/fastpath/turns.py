"""One flush for each turn of the event loop, whatever gave rise to it."""

from __future__ import annotations

import asyncio

from aribridge.transport.webrtc.fastpath.sound import Sound


class Turns(Sound):
    """What both halves of an association share: when something is sent."""

    _loop: asyncio.AbstractEventLoop  # aiortc sets it always, its base class does not
    _scheduled = False

    def _flush(self) -> None:
        """Send what is due and what there is room for."""
        raise NotImplementedError

    def _schedule(self) -> None:
        """Flush at the end of this turn."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        if self._scheduled:
            self._flush()
