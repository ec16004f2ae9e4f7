"""The way of a command to Asterisk: by a lane where one may take it, else by HTTP.

Measured on Asterisk 22, a command by a lane costs the gateway a fifth of the CPU time that it costs by HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, NoReturn

import aiohttp
import msgspec
import structlog

from aribridge.ari import paths
from aribridge.ari.backoff import LONGEST, Backoff
from aribridge.ari.http import NoAnswer
from aribridge.ari.lane import Lane, fits
from aribridge.ari.quick import is_quick
from aribridge.ari.request import Request

if TYPE_CHECKING:
    from aribridge.ari.http import Http
    from aribridge.core.command import Answer, Command
    from aribridge.core.settings import AsteriskSettings

LANES = 4
REPEAT_READS = 1.0
"""Seconds after which what only reads is asked again by HTTP."""

log = structlog.get_logger("aribridge.ari")


class Lanes:
    """The lanes to one Asterisk, while they are wanted and there. Until then commands go by HTTP."""

    def __init__(self, settings: AsteriskSettings, http: Http) -> None:
        self._settings = settings
        self._http = http
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._lanes: set[Lane] = set()
        self._of_turn: dict[str, Lane] = {}
        # No other gateway that serves this application, before or after, has lanes of these names.
        self._run = secrets.token_hex(4)

    @property
    def up(self) -> int:
        """How many there are now."""
        return len(self._lanes)

    def want(self) -> None:
        """Have lanes from now on; this Asterisk is fit for them."""
        self._wanted.set()

    def retire(self) -> None:
        """Have none until they are wanted again; what is under way has the time that it has."""
        self._wanted.clear()
        for lane in self._lanes:
            lane.retire()
        self._lanes.clear()

    async def send(self, command: Command, request: Request, seconds: float, client: str) -> Answer:
        """Send a command the best way there is; its answer, any status. Raises NoAnswer."""
        lane = self._free(client) if fits(request) and is_quick(command) else None
        if lane is None:
            return await self._http.send(request, seconds, client)
        if request.method == "GET":
            return await self._read(lane, request, seconds, client)
        try:
            return await lane.send(request, seconds)
        except NoAnswer as error:
            if error.sent:
                raise
            return await self._http.send(request, seconds, client)

    async def keep_up(self) -> None:
        """Open lanes whenever they are wanted and not there, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(1, LANES + 1):
                group.create_task(self._keep(f"{self._settings.app}-lane-{self._run}-{number}"))

    async def _read(self, lane: Lane, request: Request, seconds: float, client: str) -> Answer:
        started = self._loop.time()
        try:
            return await lane.send(request, min(seconds, REPEAT_READS))
        except NoAnswer as error:
            left = seconds - (self._loop.time() - started)
            if left <= 0:
                raise
            log.debug("lane.read_again", target=self._settings.name, reason=str(error))
            return await self._http.send(request, left, client)

    def _free(self, client: str) -> Lane | None:
        """The lane with the least on it; the same one for all that a client sends in one turn, which is one write."""
        lane = self._of_turn.get(client)
        if lane is not None and lane.takes():
            return lane
        lane = min((lane for lane in self._lanes if lane.takes()), key=lambda lane: lane.busy, default=None)
        if lane is not None:
            if not self._of_turn:
                self._loop.call_soon(self._of_turn.clear)
            self._of_turn[client] = lane
        return lane

    async def _keep(self, name: str) -> NoReturn:
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        while True:
            await self._wanted.wait()
            started = clock()
            try:
                await self._serve(name)
            except (aiohttp.ClientError, TimeoutError, OSError, NoAnswer) as error:
                log.info("lane.down", target=self._settings.name, app=name, reason=str(error) or type(error).__name__)
            await asyncio.sleep(backoff.pause(clock() - started, 0.0, LONGEST))

    async def _serve(self, name: str) -> None:
        """One lane from its first request to its end."""
        socket = await self._http.open_events(name, self._settings.timeout)
        lane = Lane(socket)
        running = asyncio.create_task(lane.run())
        try:
            # Answered, it shows that the lane works; refused, as it is to a user that may only read, it does too.
            await lane.send(_only_answers(name), self._settings.timeout)
            if self._wanted.is_set():
                self._lanes.add(lane)
                await running
        finally:
            self._lanes.discard(lane)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await socket.close()


def _only_answers(name: str) -> Request:
    """Nobody subscribes it to anything; should somebody, it would still carry no events."""
    wanted = {"allowed": [{"type": "RESTResponse"}], "disallowed": []}
    return Request("PUT", paths.join(("applications", name, "eventFilter")), msgspec.json.encode(wanted))
