"""The Janus API door: what the server mounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web

from aribridge.core.principal import Principal
from aribridge.core.settings import JanusSettings
from aribridge.janus.desk import Desk
from aribridge.janus.http import HttpDoor
from aribridge.janus.plugin import PluginFactory
from aribridge.janus.ports import Auth, Charge, Rtc, ServerInfo
from aribridge.janus.sessions import Sessions
from aribridge.janus.tasks import Tasks
from aribridge.janus.websocket import SUBPROTOCOL, Connection
from aribridge.janus.wire import MAX_MESSAGE
from aribridge.transport.turns import Turns
from aribridge.transport.upgrade import accept
from aribridge.transport.websocket import WebSocketCarrier


class JanusDoor:
    """Speaks the Janus API (https://janus.conf.meetecho.com/docs/rest.html), so that an unmodified janus.js attaches.

    ``plugins`` are known by their package names. Requests are authenticated one by one, by their own credentials; a
    session outlives its token for ``grace`` seconds.
    """

    def __init__(
        self,
        settings: JanusSettings,
        auth: Auth,
        rtc: Rtc,
        plugins: Mapping[str, PluginFactory],
        info: ServerInfo,
        charge: Charge,
        turns: Turns,
        grace: float,
    ) -> None:
        self._settings = settings
        self._tasks, self._serving = Tasks(), Tasks()
        self._sessions = Sessions(settings, self._tasks, grace)
        self._desk = Desk(settings, self._sessions, auth, rtc, plugins, info, self._tasks, charge)
        self._turns = turns
        self._connections: set[Connection] = set()
        self._watchdog: asyncio.Task[None] | None = None

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    def expel(self, is_revoked: Callable[[Principal], bool]) -> int:
        """End the sessions whose token was revoked; return how many these are."""
        return self._sessions.expel(is_revoked)

    @property
    def connections(self) -> int:
        """How many WebSockets there are."""
        return len(self._connections)

    def routes(self) -> list[web.RouteDef]:
        """The HTTP routes under ``/janus``."""
        return HttpDoor(self._desk).routes()

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """Serve a WebSocket whose client offered the subprotocol ``janus-protocol``, whatever the path."""
        if len(self._connections) >= self._settings.sessions:
            return web.Response(status=503, text="Too many connections (janus.sessions); try again later.")
        return await accept(request, self._accept, self._turns, protocol=SUBPROTOCOL, most=MAX_MESSAGE)

    def _accept(self, carrier: WebSocketCarrier) -> Connection:
        connection = Connection(carrier, self._desk)
        self._connections.add(connection)
        serving = self._serving.spawn(connection.serve())
        serving.add_done_callback(lambda _: self._connections.discard(connection))
        return connection

    async def start(self) -> None:
        """Begin to watch for sessions that time out."""
        self._watchdog = asyncio.create_task(self._sessions.watch())

    async def drain(self, seconds: float) -> None:
        """Make no more sessions, as Janus with ``accept_new_sessions`` off, and let requests finish for so long."""
        self._sessions.refuse()
        await self._tasks.pause(seconds)

    async def stop(self) -> None:
        """End all sessions, close all connections, and return when nothing of them is left."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
        self._sessions.close()
        await asyncio.gather(*(connection.close() for connection in self._connections))
        await self._serving.finish()
        await self._tasks.finish()
