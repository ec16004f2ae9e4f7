"""The gateway's connection to one Asterisk: keeps it up, sends commands, hands events on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import aiohttp
import msgspec
import structlog

from aribridge.ari import connect, doubled, outage, parameters, rules, unanswered
from aribridge.ari.backoff import Backoff
from aribridge.ari.http import Http, NoAnswer
from aribridge.ari.race import first_of
from aribridge.ari.request import render
from aribridge.ari.standby import Standby
from aribridge.core.command import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientWebSocketResponse

    from aribridge.ari.catalogue import Catalogue
    from aribridge.core.command import Answer
    from aribridge.core.settings import AsteriskSettings
    from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.ari")


class LinkSink(Protocol):
    """Who gets the events of a link. Called in the event loop; each call must be quick and must not raise."""

    def event(self, text: str) -> None:
        """One event, JSON text as Asterisk sent it, in Asterisk's order."""

    def up(self) -> None:
        """Events flow from here. None came before; what happened since the socket opened follows, in order."""

    def lost(self, reason: str) -> None:
        """Events may have been missed from here until the next `up`."""


class _Type(msgspec.Struct):
    type: str = ""


class Link:
    """One target. ``reason`` says why it is not up and what to do; commands go while it is.

    ``standby``: its application is left to another client, until that one is gone or ``take_over`` is called.
    """

    def __init__(self, settings: AsteriskSettings, sink: LinkSink) -> None:
        self.name = settings.name
        self.app = settings.app
        self.up = False
        self.standby = settings.standby
        self.reason = f"The first connection to Asterisk at {settings.url} is still being made."
        self.version = ""
        self.catalogue: Catalogue | None = None
        self._settings = settings
        self._sink = sink
        self._http: Http | None = None
        self._standby = Standby(settings)

    async def run(self) -> None:
        """Keep the link up until cancelled. Raises ValueError for a ca_file that cannot be used."""
        self._http = http = Http(self._settings)
        try:
            await self._keep_up(http)
        finally:
            self.reason = "The gateway is stopping."  # no fault, hence no warning
            self._go_down(self.reason)
            self._http = None
            await http.close()

    def take_over(self) -> None:
        """Take the application from whoever has it; nothing where this link does not stand by."""
        if self.standby:
            self._standby.end()

    def resolve(self, method: str, path: str, query: Mapping[str, Any] | None, body: Any) -> Command:
        """The command behind method, path, query and body, checked; keys of the body win over those of the query.

        Raises Problem, like `check`.
        """
        operation, ids = self._known().match(method, path)
        params = {**(query or {}), **parameters.of_body(operation, body), **ids}
        return self.check(Command(self.name, operation.id, params))

    def check(self, command: Command) -> Command:
        """The command with its parameters in their proper types, and the gateway's application filled in.

        Raises Problem: unknown_operation, missing_parameter, bad_parameter, gateway_owns_app, use_subscribe,
        binary_body; target_down before the first connection.
        """
        operation = self._known().get(command.op)
        rules.refuse(operation, command.params, self.app)
        params = parameters.check(operation, rules.fill(operation, command.params, self.app))
        return Command(command.target, command.op, params)

    async def call(self, command: Command, timeout: float | None = None) -> Answer:  # noqa: ASYNC109 (bounds each step)
        """Check and send a command; Asterisk's answer, whatever its status.

        `timeout` is in seconds, by default the target's. Raises Problem: those of `check`, target_down, timeout.
        """
        command = self.check(command)
        catalogue = self._known()
        request = render(catalogue, catalogue.get(command.op), command.params)
        if self._http is None or not self.up:
            raise self._no_link()
        try:
            return await self._http.send(request, timeout or self._settings.timeout)
        except NoAnswer as error:
            raise unanswered.no_answer(self.name, request, error) from error

    async def _keep_up(self, http: Http) -> NoReturn:
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        if self.standby:
            self._go_down(outage.standing_by(self._settings))
        while True:
            if self.standby:
                await self._stand_by(http)
            started = clock()
            try:
                await self._live(http)
            except outage.Outage as fault:
                # Taking the application back would be answered in kind, for ever.
                self.standby = fault.replaced
                self._go_down(fault.reason)
                if not self.standby:
                    await asyncio.sleep(backoff.pause(clock() - started, fault.shortest, fault.longest))

    async def _stand_by(self, http: Http) -> None:
        await self._standby.wait(http, self._go_down)
        self.standby, self.reason = False, "The application is being taken over."
        log.info("link.takeover", target=self.name, app=self.app)

    async def _live(self, http: Http) -> NoReturn:
        """One connection, from its first request to its end. Raises Outage.

        Nothing reads the socket before `up`; events of these few milliseconds wait in it.
        """
        identity = await connect.identify(http, self._settings)
        catalogue = await connect.fetch_catalogue(http, self._settings)
        socket = await connect.open_socket(http, self._settings)
        try:
            # Asterisk may have forgotten both, or have kept what an earlier socket's, or another client, set.
            await connect.set_filter(http, self._settings)
            for source in connect.sources(identity) if self._settings.events == "all" else ():
                await connect.subscribe(http, self._settings, source)
            if self._settings.events == "all":
                await doubled.take_back(http, self._settings)
            application = await connect.confirm(http, self._settings)
            self._come_up(identity, catalogue)
            await first_of(self._read(socket), connect.watch(http, self._settings, application))
        finally:
            await socket.close()

    async def _read(self, socket: ClientWebSocketResponse) -> NoReturn:
        """Hand events on, and do nothing else: Asterisk cuts a reader that is slow."""
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            if "ApplicationReplaced" in message.data and _is_replacement(message.data):
                raise outage.replaced(self._settings)
            self._sink.event(message.data)
        raise outage.socket_ended(self._settings, socket.close_code, socket.exception())

    def _come_up(self, identity: connect.Identity, catalogue: Catalogue) -> None:
        self.version, self.catalogue = identity.version, catalogue
        self.up, self.reason = True, ""
        log.info(
            "link.up",
            target=self.name,
            asterisk=identity.version,
            entity=identity.entity_id,
            app=self.app,
            operations=len(catalogue),
        )
        self._sink.up()

    def _go_down(self, reason: str) -> None:
        was_up, self.up = self.up, False
        if reason != self.reason:
            log.warning("link.down", target=self.name, reason=reason)
        self.reason = reason
        if was_up:
            self._sink.lost(reason)

    def _known(self) -> Catalogue:
        if self.catalogue is None:
            raise self._no_link()
        return self.catalogue

    def _no_link(self) -> Problem:
        return unanswered.standing_by(self.name) if self.standby else unanswered.no_link(self.name)


def _is_replacement(text: str) -> bool:
    """Whether it is the event, not one that only has the word in it."""
    try:
        return msgspec.json.decode(text, type=_Type).type == "ApplicationReplaced"
    except msgspec.MsgspecError:
        return False
