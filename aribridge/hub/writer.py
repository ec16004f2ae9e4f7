"""Sends what waits for one client, in order, as fast as its carrier takes it and no faster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context

from aribridge.core.outbox import Outbox
from aribridge.core.settings import LimitSettings
from aribridge.protocol import encode
from aribridge.transport.carrier import Carrier, CarrierClosed

_STALL_SECONDS = 30.0
_FAREWELL_SECONDS = 3.0
_PER_TURN = 256


class Writer:
    """The sending half of a connection (a ``stream.Sink``).

    ``fill`` is called when there is room; it puts more if there is more, and returns whether even more is left.
    ``on_stall`` is called when the client is too slow to be kept.

    As long as the carrier has room, what is put goes out in the next turn of the event loop, by a call: to wake a task
    for it costs twice that. The task, ``run``, sends what has to wait for room, and the last word.
    """

    def __init__(
        self, carrier: Carrier, limits: LimitSettings, fill: Callable[[], bool], on_stall: Callable[[], None]
    ) -> None:
        self._carrier = carrier
        self._outbox = Outbox(limits.outbox_messages, limits.outbox_bytes)
        self._fill = fill
        self._on_stall = on_stall
        self._loop = asyncio.get_running_loop()
        self._context: Context | None = None
        self._by_turns, self._turn_due = False, False
        self._rest: list[str] = []
        self._failure: Exception | None = None
        self._called = self._loop.create_future()
        """The task has to see to it: to ``_rest``, ``_failure`` or ``_closing``. An Event would take 800 bytes more."""
        self._closing: tuple[int, str] | None = None
        self._patience: asyncio.Timeout | None = None
        self.batch = False

    @property
    def room(self) -> bool:
        """Whether what streams tell may be put; the rest may be put in any case."""
        return self._closing is None and self._outbox.roomy

    @property
    def waiting(self) -> int:
        """How many frames wait, or are just being sent."""
        return len(self._outbox) + len(self._rest)

    @property
    def waiting_bytes(self) -> int:
        """About how many bytes they are."""
        return self._outbox.bytes + sum(map(len, self._rest))

    @property
    def is_closing(self) -> bool:
        """Whether the last word is said or about to be."""
        return self._closing is not None

    def wake(self) -> None:
        """Have ``fill`` called when there is room."""
        if self._by_turns and not self._turn_due:
            self._turn_due = True
            # Not in the context of whoever puts something: what is logged is about this connection.
            self._loop.call_soon(self._turn, context=self._context)

    def give_up(self) -> None:
        """Streams go on faster than the client reads."""
        self._on_stall()

    def takes(self, frames: Sequence[str]) -> bool:
        """Whether these may be put without the client's counting as too slow."""
        return self._outbox.takes(len(frames), sum(map(len, frames)))

    def put(self, frame: str) -> None:
        """Queue a frame; what comes after ``finish`` is dropped."""
        if self._closing is not None:
            return
        if self._outbox.put(frame):
            self.wake()
        else:
            self._on_stall()

    def finish(self, last: str, code: int, reason: str, *, at_once: bool = False) -> None:
        """Send what waits (``at_once``: drop it), then ``last``, then close."""
        if self._closing is not None:
            return
        if at_once:
            self._outbox.clear()
            self._rest.clear()
        self._outbox.put(last)
        self._closing = (code, reason)
        self._call()
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time() + (0 if at_once else _FAREWELL_SECONDS))

    async def run(self) -> None:
        """Send until the carrier is gone or everything is said after ``finish``."""
        try:
            await self._send_all()
            await self._farewell()
        except CarrierClosed:
            pass
        except TimeoutError:
            if self._closing is None:
                self._on_stall()
            await self._farewell()

    async def _send_all(self) -> None:
        self._context = copy_context()
        try:
            while self._closing is None:
                self._by_turns = True
                self.wake()
                await self._called
                self._by_turns = False
                self._called = self._loop.create_future()
                if self._failure is not None:
                    raise self._failure
                if self._closing is None:
                    await self._send_patiently()
        finally:
            self._by_turns = False

    def _turn(self) -> None:
        self._turn_due = False
        if not self._by_turns:
            return
        try:
            if self._has_more():
                self._rest = self._send_some()
                # A carrier with room for all of it would keep everyone else waiting.
                if not self._rest and self._has_more():
                    self.wake()
        except Exception as error:
            self._failure = error
        if self._rest or self._failure:
            self._by_turns = False
            self._call()

    def _call(self) -> None:
        if not self._called.done():
            self._called.set_result(None)

    def _has_more(self) -> bool:
        return self._closing is None and (self._fill() or bool(self._outbox))

    def _send_some(self) -> list[str]:
        """Send what there is room for of the next frames; return those for which there is none."""
        frames = self._outbox.take(_PER_TURN)
        if self.batch:
            frames = list(encode.batches(frames, self._carrier.max_send))
        return frames[self._carrier.send_now(frames) :]

    async def _send_patiently(self) -> None:
        try:
            async with asyncio.timeout(_STALL_SECONDS) as self._patience:
                for frame in self._rest:
                    await self._carrier.send(frame)
                    self._renew_patience()
        finally:
            self._patience = None
            self._rest = []

    def _renew_patience(self) -> None:
        """The client took a frame: it is slow perhaps, but not stalled."""
        if self._patience is None or self._patience.expired() or self._closing is not None:
            return
        now, until = asyncio.get_running_loop().time(), self._patience.when()
        # Not for each of thousands of frames.
        if until is not None and until - now < _STALL_SECONDS / 2:
            self._patience.reschedule(now + _STALL_SECONDS)

    async def _farewell(self) -> None:
        code, reason = self._closing or (1001, "")
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while self._rest or self._outbox:
                    for frame in self._rest or self._send_some():
                        await self._carrier.send(frame)
                    self._rest = []
        except (TimeoutError, CarrierClosed):
            pass
        finally:
            await self._carrier.close(code, reason)
