"""What connections say is taken in by turns.

All that was read at once may be 256 KB, and a chunk of one byte (HTTP) or a frame of none (WebSocket) takes as long as
a thousand bytes do: some hundred connections of a stranger held up everybody for half a minute.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

_TURN_SECONDS = 0.004
"""For all connections, in one turn of the event loop."""
_HANDLING_SECONDS = 0.00025
"""What a piece asks for takes about as long, and comes after it."""
_REST = 4
"""Connections that ask for more than they may get a fifth of the time, all together."""


class Turns:
    """The turns of all connections."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[ByTurns] = deque()
        self._resting: deque[ByTurns] = deque()
        self._spent = 0.0
        """Seconds of this turn."""
        self._is_due = self._wakes = False

    def take(self, connection: ByTurns) -> None:
        """Take in what a connection has to say: at once, as long as the turn is not over, else when it has its own."""
        if self._waiting or self._spent >= _TURN_SECONDS:
            self._wait(connection)
        else:
            self._spent += self._take_piece(connection) + _HANDLING_SECONDS
        self._make_due()

    def take_brief(self, connection: ByTurns, data: bytes) -> None:
        """Take in data at once, which is little."""
        began = self._clock()
        if not connection.take(data):
            self._rest(connection, self._clock() - began)

    def _turn(self) -> None:
        self._is_due, self._spent = False, 0.0
        if self._waiting:
            self._make_due()
        while self._waiting and self._spent < _TURN_SECONDS:
            self._spent += self._take_piece(self._waiting.popleft()) + _HANDLING_SECONDS

    def _take_piece(self, connection: ByTurns) -> float:
        began = self._clock()
        is_welcome = connection.take_piece()
        spent = self._clock() - began
        if not is_welcome:
            self._rest(connection, spent)
        elif connection.is_ready:
            self._wait(connection)
        return spent

    def _wait(self, connection: ByTurns) -> None:
        connection.has_turn = True
        self._waiting.append(connection)

    def _rest(self, connection: ByTurns, spent: float) -> None:
        connection.has_turn = True
        self._resting.append(connection)
        self._wake_after(spent)

    def _wake_after(self, spent: float) -> None:
        if not self._wakes:
            self._wakes = True
            asyncio.get_running_loop().call_later(spent * _REST, self._wake)

    def _wake(self) -> None:
        self._wakes, spent = False, 0.0
        try:
            spent = self._take_piece(self._resting.popleft())
        finally:
            self._make_due()
            if self._resting:
                self._wake_after(spent)

    def _make_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._turn)


class ByTurns(asyncio.Protocol, ABC):
    """A connection that takes in its turn what it is sent."""

    piece = 4096
    """Bytes that are taken at once."""
    at_once = 0
    """So many are taken out of turn, where nothing waits."""
    has_turn = False
    """Whether it waits for its turn, or rests until then."""
    _transport: asyncio.Transport
    _said = b""
    """Until all of it is taken; of that, ``_taken`` bytes are: to cut a piece off would copy all the rest."""
    _taken = 0
    _is_paused = False

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    @abstractmethod
    def take(self, data: bytes) -> bool:
        """Take some of it. False: the connection asks for more than it may, and has to wait a moment."""

    @property
    def is_held(self) -> bool:
        """Whether nothing more is to be taken for now; who says so calls ``go_on`` later."""
        return False

    @property
    def is_ready(self) -> bool:
        """Whether something is to be taken."""
        return bool(self._said) and not self.is_held

    def data_received(self, data: bytes) -> None:
        """Have it taken in; until that is done, nothing more is read."""
        if len(data) <= self.at_once and not (self._said or self.has_turn or self.is_held):
            self._turns.take_brief(self, data)
            self._heed()
        else:
            self._said = self.leave() + data
            self.go_on()

    def take_piece(self) -> bool:
        """Take a piece, if there is one; whether the next may be taken soon."""
        self.has_turn = False
        if not self.is_ready:
            self._heed()
            return True
        piece = self._said[self._taken : self._taken + self.piece]
        self._taken += len(piece)
        if self._taken == len(self._said):
            self.leave()
        try:
            is_welcome = self.take(piece)
        except BaseException:
            self._transport.abort()  # as transports do where data_received raises
            raise
        self._heed()
        return is_welcome

    def go_on(self) -> None:
        """Take what is there, and have more read, as far as nothing keeps it from that."""
        if self.is_ready and not self.has_turn:
            self._turns.take(self)
        self._heed()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone, and what was not taken in with it."""
        self.leave()

    def leave(self) -> bytes:
        """Take nothing more of what was said: what that is."""
        rest, self._said, self._taken = self._said[self._taken :], b"", 0
        return rest

    def resume_reading(self) -> None:
        """Have the transport read again."""
        self._transport.resume_reading()

    def _heed(self) -> None:
        """Have nothing read while there is something to take, or it is held, or rests."""
        pause = bool(self._said) or self.has_turn or self.is_held
        if not (pause or self._is_paused) or self._transport.is_closing():
            return
        if pause:
            self._is_paused = True
            self._transport.pause_reading()
        else:
            self._is_paused = False
            self.resume_reading()
