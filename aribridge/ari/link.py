"""The gateway's connection to one Asterisk: keeps it up, sends commands, hands events on."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

import structlog

from aribridge.ari import connect, doubled, outage, parameters, parting, rules, unanswered
from aribridge.ari.advisories import can_lane
from aribridge.ari.backoff import Backoff
from aribridge.ari.download import Download, download
from aribridge.ari.http import GATEWAY, Http, NoAnswer
from aribridge.ari.lanes import Lanes
from aribridge.ari.outbound import DialIn
from aribridge.ari.race import first_of
from aribridge.ari.reader import Reader
from aribridge.ari.request import render
from aribridge.ari.standby import Standby
from aribridge.ari.versions import as_numbers, can_dial
from aribridge.core.command import Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aribridge.ari.catalogue import Catalogue, Operation
    from aribridge.ari.parting import Parting
    from aribridge.ari.reader import EventSocket
    from aribridge.core.command import Answer
    from aribridge.core.settings import AsteriskSettings
    from aribridge.protocol.problems import Problem

STOPPING = "The gateway is stopping."
DIAL_SECONDS = 5.0
"""Time for Asterisk to dial in, before it is said that it does not."""
CONTINUE_SECONDS = 30.0
"""Time for it to send what it kept, before the stream of the last run is given up."""
MARK_SECONDS = 5.0

log = structlog.get_logger("aribridge.ari")


class LinkSink(Protocol):
    """Who gets the events of a link. Called in the event loop; each call must be quick and must not raise."""

    def event(self, text: str) -> None:
        """One event, JSON text as Asterisk sent it, in Asterisk's order."""

    def up(self, *, continued: bool) -> None:
        """Events flow from here. None came before; what happened since the socket opened follows, in order.

        ``continued``: all that happened since the gateway's last run does, too.
        """

    def lost(self, reason: str) -> None:
        """Events may have been missed from here until the next `up`."""


class Link:
    """One target. ``reason`` says why it is not up and what to do; commands go while it is.

    ``standby``: its application is left to another client, until that one is gone or ``take_over`` is called.
    ``dial_in`` is where the event sockets arrive, if Asterisk is to open them. ``earlier`` is how the gateway's last
    run parted: what it read may be continued.
    """

    def __init__(self, settings: AsteriskSettings, sink: LinkSink, earlier: Parting | None = None) -> None:
        self.name = settings.name
        self.app = settings.app
        self.up = False
        self.standby = settings.standby
        self.reason = f"The first connection to Asterisk at {settings.url} is still being made."
        self.version = ""
        self.catalogue: Catalogue | None = None
        self.dial_in = DialIn() if settings.link == "outbound" else None
        self._settings = settings
        self._sink = sink
        self._http: Http | None = None
        self._lanes: Lanes | None = None
        self._standby = Standby(settings)
        self._earlier = earlier
        self._identity: connect.Identity | None = None
        self._reader: Reader | None = None
        self._parted = False

    async def run(self) -> None:
        """Keep the link up until cancelled. Raises ValueError for a ca_file that cannot be used."""
        self._http = http = Http(self._settings)
        self._lanes = lanes = Lanes(self._settings, http)
        patience = asyncio.get_running_loop().call_later(CONTINUE_SECONDS, self._give_up)
        try:
            await first_of(self._keep_up(http), lanes.keep_up())
        finally:
            patience.cancel()
            self.reason = STOPPING  # no fault, hence no warning
            self._go_down(self.reason)
            self._http = self._lanes = None
            await http.close()

    @property
    def commands(self) -> Literal["lanes", "http"]:
        """How commands go now."""
        return "lanes" if self._lanes is not None and self._lanes.up else "http"

    def take_over(self) -> None:
        """Take the application from whoever has it; nothing where this link does not stand by."""
        if self.standby:
            self._standby.end()

    async def part(self) -> Parting | None:
        """Leave an Asterisk that dials in, having handed on all that it sent, for the next run to continue.

        It keeps what happens from here. None where that is not so: nothing may be continued then. The link stays down.
        """
        reader, http, identity = self._reader, self._http, self._identity
        if self.dial_in is None or not self.up or reader is None or http is None or identity is None:
            return None
        self._parted, self.up, self.reason = True, False, STOPPING
        if not await reader.close():
            log.warning("link.not_parted", target=self.name, reason="Asterisk did not close the event socket in time.")
            return None
        mark = await parting.set_mark(http, self._settings)
        return None if mark is None else parting.Parting(mark, identity.entity_id, identity.started)

    def resolve(self, method: str, path: str, query: Mapping[str, Any] | None, body: Any) -> Command:
        """The command behind method, path, query and body, checked; keys of the body win over those of the query.

        Raises Problem, like `check`.
        """
        operation, ids = self._known().match(method, path)
        params = {**(query or {}), **parameters.of_body(operation, body), **ids}
        return self._checked(operation, self.name, params)

    def check(self, command: Command, *, is_file: bool = False) -> Command:
        """The command with its parameters in their proper types, and the gateway's application filled in.

        ``is_file``: its answer may be one, since it goes to `download`. Raises Problem: unknown_operation,
        missing_parameter, bad_parameter, gateway_owns_app, use_subscribe, binary_body; target_down before the first
        connection.
        """
        return self._checked(self._known().get(command.op), command.target, command.params, is_file=is_file)

    def only_reads(self, command: Command) -> bool:
        """Whether a command changes nothing, so that it may be sent again at will. Raises Problem, like `check`."""
        return self._known().get(command.op).method == "GET"

    async def call(
        self,
        command: Command,
        timeout: float | None = None,  # noqa: ASYNC109 (bounds each step)
        client: str = GATEWAY,
    ) -> Answer:
        """Check and send a command for a client; Asterisk's answer, whatever its status.

        `timeout` is in seconds, by default the target's. Raises Problem: those of `check`, target_down, timeout.
        """
        catalogue = self._known()
        operation = catalogue.get(command.op)
        command = self._checked(operation, command.target, command.params)
        request = render(catalogue, operation, command.params)
        if self._lanes is None or not self.up:
            raise self._no_link()
        try:
            return await self._lanes.send(command, request, timeout or self._settings.timeout, client)
        except NoAnswer as error:
            raise unanswered.no_answer(self.name, request, error) from error

    def download(self, command: Command) -> AbstractAsyncContextManager[Download]:
        """Send a checked command whose answer is a file. Raises Problem: target_down, timeout, also on entering."""
        catalogue = self._known()
        request = render(catalogue, catalogue.get(command.op), command.params)
        if self._http is None or not self.up:
            raise self._no_link()
        return download(self.name, self._http, request, self._settings.timeout)

    def _checked(
        self, operation: Operation, target: str, params: Mapping[str, Any], *, is_file: bool = False
    ) -> Command:
        if not is_file:
            rules.refuse_file(operation)
        rules.refuse(operation, params, self.app)
        return Command(target, operation.id, parameters.check(operation, rules.fill(operation, params, self.app)))

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
                if self._parted:
                    await asyncio.Event().wait()
                # Taking the application back would be answered in kind, for ever.
                self.standby = fault.replaced
                self._go_down(fault.reason)
                if not self.standby:
                    await asyncio.sleep(backoff.pause(clock() - started, fault.shortest, fault.longest))

    async def _stand_by(self, http: Http) -> None:
        await self._standby.wait(http, self._go_down)
        self.standby, self.reason = False, "The application is being taken over."
        log.info("link.takeover", target=self.name, app=self.app)

    async def _live(self, http: Http) -> None:
        """One connection, from its first request to its end. Raises Outage."""
        identity = await connect.identify(http, self._settings)
        catalogue = await connect.fetch_catalogue(http, self._settings)
        async with self._event_socket(http, identity) as socket:
            mark = None if self._earlier is None else self._earlier.mark
            self._reader = reader = Reader(self._settings, socket, mark)
            await first_of(reader.run(), self._serve(http, reader, identity, catalogue))

    def _event_socket(self, http: Http, identity: connect.Identity) -> AbstractAsyncContextManager[EventSocket]:
        if self.dial_in is None:
            return connect.open_socket(http, self._settings)
        return self._dialled_in(self.dial_in, identity)

    @asynccontextmanager
    async def _dialled_in(self, dial_in: DialIn, identity: connect.Identity) -> AsyncIterator[EventSocket]:
        if not can_dial(as_numbers(identity.version)):
            raise outage.cannot_dial(self._settings, identity.version)
        reason = outage.not_dialled_in(self._settings)
        complaint = asyncio.get_running_loop().call_later(DIAL_SECONDS, self._go_down, reason)
        try:
            async with dial_in.socket() as socket:
                complaint.cancel()
                yield socket
        finally:
            complaint.cancel()

    async def _serve(self, http: Http, reader: Reader, identity: connect.Identity, catalogue: Catalogue) -> NoReturn:
        """Have the events sent, and hand them on for ever. Raises Outage."""
        if self.dial_in is not None and await connect.identify(http, self._settings) != identity:
            raise outage.restarted_meanwhile(self._settings)
        # Asterisk may have forgotten both, or have kept what an earlier socket's, or another client, set.
        await connect.set_filter(http, self._settings)
        for source in connect.sources(identity) if self._settings.events == "all" else ():
            await connect.subscribe(http, self._settings, source)
        if self._settings.events == "all":
            await doubled.take_back(http, self._settings)
        application = await connect.confirm(http, self._settings)
        continued = await self._is_continued(reader, identity)
        self._come_up(identity, catalogue, continued=continued)
        reader.hand_on(self._sink.event)
        await connect.watch(http, self._settings, application)

    async def _is_continued(self, reader: Reader, identity: connect.Identity) -> bool:
        earlier = self._earlier
        if earlier is None or (earlier.entity, earlier.started) != (identity.entity_id, identity.started):
            return False
        return await reader.has_mark(MARK_SECONDS)

    def _give_up(self) -> None:
        """What the last run read cannot be continued, as far as anybody can wait for it."""
        if self._earlier is not None:
            self._earlier = None
            self._sink.lost(self.reason)

    def _come_up(self, identity: connect.Identity, catalogue: Catalogue, *, continued: bool) -> None:
        self._identity, self._earlier = identity, None
        self.version, self.catalogue = identity.version, catalogue
        self.up, self.reason = True, ""
        by_lanes = self._settings.commands == "auto" and can_lane(as_numbers(identity.version))
        if by_lanes and self._lanes is not None:
            self._lanes.want()
        log.info(
            "link.up",
            target=self.name,
            asterisk=identity.version,
            entity=identity.entity_id,
            app=self.app,
            operations=len(catalogue),
            commands="lanes" if by_lanes else "http",
            continued=continued,
        )
        self._sink.up(continued=continued)

    def _go_down(self, reason: str) -> None:
        was_up, self.up = self.up, False
        if self._lanes is not None:
            self._lanes.retire()
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
