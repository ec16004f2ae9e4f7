"""Where every request arrives, whatever it came on: admission, order, reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from aribridge.core.principal import Principal
from aribridge.core.rates import OFFER, READ, WRITE, alone, payers
from aribridge.core.settings import JanusSettings
from aribridge.janus import handle_requests, refusals
from aribridge.janus.errors import Code, JanusError, error_reply, from_problem
from aribridge.janus.handles import Handle
from aribridge.janus.info import server_info
from aribridge.janus.plugin import PluginFactory
from aribridge.janus.ports import Auth, Charge, Rtc, ServerInfo
from aribridge.janus.requests import Address, Request, check_fields, parse
from aribridge.janus.sessions import Session, Sessions, Source, random_id
from aribridge.janus.tasks import Tasks
from aribridge.obs import audit
from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.janus")


class Client(Protocol):
    """Whoever sent a request."""

    @property
    def source(self) -> Source:
        """Where the events of a session go that this client makes or claims."""

    @property
    def address(self) -> str:
        """The IP address that it comes from."""

    @property
    def connection(self) -> str:
        """The id of its WebSocket; empty over HTTP, where the address has paid for each request already."""

    def reply(self, message: Mapping[str, Any]) -> None:
        """Send the reply; called once for each request, before anything that follows from the request."""


@dataclass(frozen=True)
class Desk:
    """Carries out requests. One for the whole door."""

    settings: JanusSettings
    sessions: Sessions
    auth: Auth
    rtc: Rtc
    plugins: Mapping[str, PluginFactory]
    info: ServerInfo
    tasks: Tasks
    charge: Charge

    def submit(self, message: object, client: Client, path: Address | None = None) -> None:
        """Take what a client sent. The reply may come later, after those of earlier requests to the same handle."""
        try:
            self._charge_alone(client)
            request = parse(message, path)
        except (JanusError, Problem) as fault:
            _turn_down(fault, client, message)
            return
        try:
            self._carry_out(request, client)
        except JanusError as error:
            refusals.note(error, client.address, message=request.name, connection=client.connection)
            client.reply(request.error(error))
        except Problem as problem:
            refusals.note(problem, client.address, message=request.name, connection=client.connection)
            client.reply(request.error(from_problem(problem)))
        except Exception:
            log.exception("request.failed", request=request.name, session=request.session_id)
            reason = "The gateway failed on this request; its log says where."
            client.reply(request.error(JanusError(Code.UNKNOWN, reason)))

    def refuse(self, error: JanusError, client: Client) -> None:
        """Answer what is not even JSON."""
        try:
            self._charge_alone(client)
        except Problem as problem:
            _turn_down(problem, client)
        else:
            _turn_down(error, client)

    async def learn(self, message: object) -> None:
        """Wait, for some seconds at most, for the key of a token that is about to be fetched; before ``submit``."""
        if isinstance(message, dict):
            await self.auth.learn(message.get("token"))

    def authenticate(
        self, address: str, apisecret: str | None, token: str | None, plugin: str | None = None
    ) -> Principal:
        """Who is behind credentials. Raises Problem ``unauthorized``, ``forbidden``."""
        try:
            return self.auth.janus(apisecret, token, plugin)
        except Problem as problem:
            audit.turned_away(problem, refusals.CARRIER, address)
            raise

    def _carry_out(self, request: Request, client: Client) -> None:
        if request.spec.level == "root":
            self._root(request, client)
            return
        principal = self.authenticate(client.address, request.apisecret, request.token)
        if request.name != "keepalive":
            self.charge(payers(principal, client.address), _cost(request))
        session = self.sessions.find(request.session_id, principal)
        handle = session.handle(request.handle_id) if request.handle_id else None
        check_fields(request.fields, request.spec.fields)
        if handle is not None and request.spec.level == "handle":
            handle.lane.submit(lambda: handle_requests.run(request, handle, client.reply))
        else:
            _SESSION[request.name](self, request, session, client)

    def _charge_alone(self, client: Client) -> None:
        """Whatever a message is, and whoever sent it, it costs its connection as much as a read."""
        self.charge(alone(client.connection), READ)

    def _root(self, request: Request, client: Client) -> None:
        if request.name == "info":
            plugins = (plugin.info for plugin in self.plugins.values())
            info = server_info(self.info, self.settings, plugins, accepting=self.sessions.accepting)
            client.reply(request.reply("server_info", **info))
        elif request.name == "ping":
            client.reply(request.reply("pong"))
        else:
            self._create(request, client)

    def _create(self, request: Request, client: Client) -> None:
        principal = self.authenticate(client.address, request.apisecret, request.token)
        self.charge(payers(principal, client.address), WRITE)
        check_fields(request.fields, request.spec.fields)
        session = self.sessions.create(principal, request.fields.get("id", 0), client.address)
        audit.logged_in(principal, refusals.CARRIER, client.address, str(session.id))
        client.reply(request.reply("success", data={"id": session.id}))
        session.bind(client.source)

    def _attach(self, request: Request, session: Session, client: Client) -> None:
        name = request.fields["plugin"]
        factory = self.plugins.get(name)
        if factory is None:
            known = ", ".join(sorted(self.plugins))
            raise JanusError(Code.NO_PLUGIN, f"No plugin {name[:64]!r}; there are {known}.")
        self.authenticate(client.address, request.apisecret, request.token, name)
        if len(session.handles) >= self.settings.handles:
            reason = f"The session has {self.settings.handles} handles (janus.handles); detach one first."
            raise JanusError(Code.ATTACH_FAILED, reason)
        try:
            handle = Handle(random_id(session.handles), session, factory, self.rtc, self.tasks)
        except Problem as problem:
            raise JanusError(Code.ATTACH_FAILED, problem.detail) from None
        session.handles[handle.id] = handle
        opaque_id = request.fields.get("opaque_id", "")[:64]
        log.info("handle.attached", session=session.id, handle=handle.id, plugin=name, opaque_id=opaque_id)
        client.reply(request.reply("success", data={"id": handle.id}))

    def _claim(self, request: Request, session: Session, client: Client) -> None:
        client.reply(request.reply("success"))
        session.bind(client.source)
        log.info("session.claimed", session=session.id, kept=len(session.events))

    def _keepalive(self, request: Request, session: Session, client: Client) -> None:
        client.reply(request.reply("ack"))

    def _destroy(self, request: Request, session: Session, client: Client) -> None:
        client.reply(request.reply("success"))
        self.sessions.end(session, "destroyed")


def _turn_down(fault: JanusError | Problem, client: Client, message: object = None) -> None:
    """Answer a message that is no request, or one too many."""
    refusals.note(fault, client.address, connection=client.connection)
    client.reply(error_reply(from_problem(fault) if isinstance(fault, Problem) else fault, message))


_SESSION: Mapping[str, Callable[[Desk, Request, Session, Client], None]] = {
    "attach": Desk._attach,
    "claim": Desk._claim,
    "keepalive": Desk._keepalive,
    "destroy": Desk._destroy,
}


def _cost(request: Request) -> int:
    if request.fields.get("jsep") is not None:
        return OFFER
    return WRITE if request.spec.level == "handle" else READ
