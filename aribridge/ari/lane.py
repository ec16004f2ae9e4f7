"""One lane: a WebSocket to Asterisk that carries requests and their answers, many under way at once.

Asterisk carries out the requests of one socket one after the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from aribridge.ari.http import NoAnswer, as_answer
from aribridge.core.command import Answer

if TYPE_CHECKING:
    from aribridge.ari.request import Request
    from aribridge.ari.socket import AriSocket

DEPTH = 16
"""Requests under way on one lane: what comes last waits for all of them."""
STUCK = 0.05
"""Seconds without an answer after which nothing more is put behind a request."""
LOST = 30.0
"""Seconds after which an answer that nobody waits for any more is not expected either."""
GRAIN = 0.001
"""Seconds that a timer may ring early: uvloop's are of whole milliseconds."""
LONGEST = 4096
"""Bytes of target and body together. Asterisk's limit for a frame is 65,535, and no request in a path is longer."""


class _Response(msgspec.Struct):
    type: str = ""
    request_id: str = ""
    status_code: int = 0
    content_type: str = ""
    message_body: str = ""


_decoder = msgspec.json.Decoder(_Response)
_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class _Waiting:
    answer: asyncio.Future[Answer]
    since: float
    until: float


class Lane:
    """Serves one socket until it ends, or until it is retired: then it takes nothing more."""

    def __init__(self, socket: AriSocket) -> None:
        self._socket = socket
        self._waiting: dict[str, _Waiting] = {}
        self._last = 0
        self._retired = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0

    @property
    def busy(self) -> int:
        """Requests that are not answered."""
        return len(self._waiting)

    def takes(self) -> bool:
        """Whether a request may be put behind those that are under way."""
        if self._retired.is_set() or len(self._waiting) >= DEPTH:
            return False
        oldest = next(iter(self._waiting.values()), None)
        if oldest is None:
            return True
        age = self._loop.time() - oldest.since
        if age > LOST:
            self.retire()
        return age < STUCK

    async def send(self, request: Request, seconds: float) -> Answer:
        """Send one request and wait for its answer, any status. Raises NoAnswer."""
        now = self._loop.time()
        self._last += 1
        name = str(self._last)
        waiting = self._waiting[name] = _Waiting(self._loop.create_future(), now, now + seconds)
        self._wake_at(waiting.until)
        try:
            self._socket.send_soon(_encode(name, request))
            return await waiting.answer
        except aiohttp.ClientError as error:
            self._give_up(name)
            raise NoAnswer(error, sent=False, late=False) from error

    def _give_up(self, name: str) -> _Waiting:
        """What Asterisk did not answer in time, it may be still at: whatever came behind would wait as well."""
        self.retire()
        return self._waiting.pop(name)

    # one timer for all requests: most are answered long before it rings

    def _wake_at(self, time: float) -> None:
        if self._alarm is None or time < self._alarm_at:
            self._rest()
            # uvloop's handle of a call that is due at once does not know when that is.
            self._alarm, self._alarm_at = self._loop.call_at(time, self._ring), time

    def _rest(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        """Answer those whose time is up, and wait for the next one's."""
        self._alarm, now = None, self._loop.time()
        awaited = {name: one for name, one in self._waiting.items() if not one.answer.done()}
        for name, one in awaited.items():
            if one.until <= now + GRAIN:
                self._give_up(name).answer.set_exception(NoAnswer(TimeoutError(), sent=True, late=True))
            else:
                self._wake_at(one.until)

    def retire(self) -> None:
        """Take nothing more, and let `run` end once what is under way is answered or given up."""
        self._retired.set()

    async def run(self) -> None:
        """Read answers until the socket ends or the lane is retired and done."""
        reading = asyncio.create_task(self._read())
        retired = asyncio.create_task(self._retired.wait())
        try:
            await asyncio.wait((reading, retired), return_when=asyncio.FIRST_COMPLETED)
            while not reading.done() and (awaited := self._awaited()):
                await asyncio.wait((reading, *awaited), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.retire()
            self._rest()
            reading.cancel()
            retired.cancel()
            await asyncio.gather(reading, retired, return_exceptions=True)
            self._end()

    def _awaited(self) -> list[asyncio.Future[Any]]:
        """The answers that somebody waits for, each within a time of its own."""
        return [waiting.answer for waiting in self._waiting.values() if not waiting.answer.done()]

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.data)

    def _take(self, text: str) -> None:
        try:
            response = _decoder.decode(text)
        except msgspec.MsgspecError:
            return
        waiting = self._waiting.pop(response.request_id, None)
        if waiting is not None and not waiting.answer.done():
            body = response.message_body.encode()
            waiting.answer.set_result(as_answer(response.status_code, response.content_type, body))

    def _end(self) -> None:
        """Whether what is under way was carried out, nobody can tell from here on."""
        cause = self._socket.exception() or ConnectionError("the lane has ended")
        late = isinstance(cause, TimeoutError)
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if not one.answer.done():
                one.answer.set_exception(NoAnswer(cause, sent=True, late=late))


def fits(request: Request) -> bool:
    """Whether a lane carries a request of that length."""
    return len(request.target) + len(request.body or b"") <= LONGEST


def _encode(name: str, request: Request) -> bytes:
    frame = {"type": "RESTRequest", "request_id": name, "method": request.method, "uri": request.target[1:]}
    if request.body is not None:
        frame |= {"content_type": "application/json", "message_body": request.body.decode()}
    return _encoder.encode(frame)
