"""One client: takes its frames and hands on what they ask, from its first message to its goodbye."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog

from aribridge.core.principal import Principal
from aribridge.core.rates import READ, WRITE
from aribridge.hub import audited
from aribridge.hub.answers import Answers
from aribridge.hub.identity import Identity
from aribridge.hub.liveness import Liveness
from aribridge.hub.parts import HubParts
from aribridge.hub.seats import Seat
from aribridge.hub.subscriptions import Subscriptions
from aribridge.hub.work import Work
from aribridge.hub.writer import Writer
from aribridge.obs import metrics
from aribridge.protocol import encode
from aribridge.protocol.connection import Fatal, ProtocolConnection
from aribridge.protocol.decode import Refusal
from aribridge.protocol.goodbyes import GOODBYES
from aribridge.protocol.messages import (
    Auth,
    ClientMessage,
    Hello,
    Ping,
    Pong,
    Request,
    RestRequest,
    ScriptMessage,
    Subscribe,
    Unsubscribe,
)
from aribridge.protocol.problems import Problem
from aribridge.transport.carrier import Carrier

log = structlog.get_logger("aribridge.hub")

_COSTS: dict[type, int] = {Refusal: READ, Hello: READ, Subscribe: WRITE, Unsubscribe: READ, Auth: WRITE}
"""Of what is charged here; what has work done is charged with it."""


class Connection:
    """A ``transport.Receiver`` that speaks protocol v1. ``principal`` None: a hello must bring a token."""

    def __init__(
        self,
        parts: HubParts,
        carrier: Carrier,
        principal: Principal | None,
        address: str,
        renewed: Callable[[Principal], None],
    ) -> None:
        self.id = f"c_{secrets.token_hex(6)}"
        self.kind = carrier.kind
        self.address = address
        self._peer = carrier.peer
        self._since = time.time()
        self._parts = parts
        self._renewed = renewed
        self._ended = False
        limits = parts.limits
        self._protocol = ProtocolConnection(
            frame_limit=limits.frame,
            depth_limit=limits.depth,
            inflight_limit=limits.inflight,
            authenticated=principal is not None,
        )
        self._seat = Seat(parts.seats, self.id, address)
        self._writer = Writer(carrier, limits, self._fill, self._stalled)
        self._subscriptions = Subscriptions(
            parts.targets,
            parts.access,
            self._writer,
            limit=limits.subscriptions,
            max_send=carrier.max_send,
            charge=self._seat.charge,
        )
        self._max_send = carrier.max_send
        self._answers = Answers(
            self._protocol, self._writer, carrier.max_send, lambda why: self.goodbye("bad_carrier", why)
        )
        self._liveness = Liveness(limits, self._ping, self.goodbye, parts.expiring)
        self._identity = Identity(parts, self._liveness, self, carrier.peer, principal)
        self._work = Work(parts, self, self._identity, self._answers, self._seat)

    # --- what scripts see of a connection (script.Client)

    @property
    def principal(self) -> Principal:
        """Who the client is; asked for only after it authenticated."""
        assert self._identity.principal is not None
        return self._identity.principal

    @property
    def is_admitted(self) -> bool:
        """Whether the client has authenticated."""
        return self._identity.principal is not None

    def send_message(self, data: Any) -> None:
        """Send a message of a script's to the client. Raises Problem ``frame_too_large``."""
        self._answers.message(data)

    # --- life

    def take_seat(self) -> None:
        """Count for the limits of an address and a subject, or say goodbye where they are reached."""
        principal = self._identity.principal
        refusal = self._seat.take(stranger=principal is None)
        if refusal is not None:
            self.goodbye("too_many_connections", refusal)
        elif principal is not None:
            self._admit(principal)

    async def run(self) -> None:
        """Serve the client until its carrier is gone; the hub owns the task."""
        if self._identity.principal is None:
            self._liveness.await_hello()
        elif not self._writer.is_closing:
            self._identity.admitted(self._identity.principal)
        try:
            await self._writer.run()
        finally:
            self._end("closed")

    def received(self, frame: str | bytes) -> bool:
        """Take one frame from the carrier; False where it asks for too much, or is too late."""
        if self._ended or self._writer.is_closing:
            return False
        refusals = self._seat.refusals
        for item in self._protocol.receive(frame):
            if not self._writer.is_closing:
                self._handle(item)
        return self._seat.refusals == refusals

    def closed(self, reason: str) -> None:
        """The carrier is gone."""
        self._end(reason)

    def goodbye(self, slug: str, detail: str, after_ms: int = 0) -> None:
        """End the connection with a reason that says whether and how to come back; the first one holds."""
        if self._ended or self._writer.is_closing:
            return
        metrics.goodbyes_total.labels(slug).inc()
        log.info("connection.goodbye", connection=self.id, slug=slug, detail=detail)
        audited.ended(self, self._identity.principal, slug, detail)
        last = encode.encode(encode.goodbye(slug, detail, after_ms, self._max_send))
        self._writer.finish(last, GOODBYES[slug].code, slug, at_once=slug == "slow_consumer")

    def to_report(self) -> dict[str, Any]:
        """What operators see of it; ``since`` in Unix seconds, no ``user`` before it authenticated."""
        principal = self._identity.principal
        return {
            "connection": self.id,
            "carrier": self.kind,
            "peer": self._peer,
            "since": self._since,
            "user": principal and principal.to_user(),
            "expires_in": self._identity.expires_in,
            "subscriptions": len(self._subscriptions),
            "inflight": self._protocol.inflight,
            "waiting": self._writer.waiting,
        }

    @property
    def waiting_bytes(self) -> int:
        """About how many bytes wait for the client."""
        return self._writer.waiting_bytes

    def rejudge(self) -> None:
        """What the client may see has or may have changed."""
        if self._identity.principal is not None:
            self._subscriptions.rejudge(self._identity.principal)

    def _fill(self) -> bool:
        return self._subscriptions.fill()

    def _stalled(self) -> None:
        self.goodbye("slow_consumer", "The client reads more slowly than its messages come.")

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._liveness.stop()
        self._subscriptions.close_all()
        self._seat.leave()
        self._parts.left(self, reason)
        self._parts.owners.left(self.id)
        self._identity.left(reason)

    # --- dispatch

    def _handle(self, item: ClientMessage | Refusal | Fatal) -> None:
        try:
            if (cost := _COSTS.get(type(item))) is not None:
                self._seat.charge(cost)
            self._act_on(item)
        except Problem as problem:
            message = "message" if isinstance(item, Refusal) else type(item).__name__.lower()
            audited.denied(self, self._identity.principal, message, problem)
            self._answers.error(getattr(item, "id", None), problem)
        except Exception:
            log.exception("message.failed", connection=self.id, message=type(item).__name__)
            self.goodbye("internal", "The gateway failed on a message; its log has the details.")

    def _act_on(self, item: ClientMessage | Refusal | Fatal) -> None:
        match item:
            case Request():
                self._work.request(item)
            case RestRequest():
                self._work.rest_request(item)
            case ScriptMessage():
                self._work.script_message(item)
            case Pong():
                self._pong()
            case Ping():
                self._answer_ping(item)
            case Hello():
                self._hello(item)
            case Auth():
                self._auth(item)
            case Subscribe():
                self._subscribe(item)
            case Unsubscribe():
                self._unsubscribe(item)
            case Refusal():
                self._refuse(item)
            case Fatal():
                self.goodbye(item.slug, item.detail)

    # --- who

    def _hello(self, hello: Hello) -> None:
        if hello.token is not None and not self._authenticate(hello.id, hello.token):
            return
        if self._identity.principal is None:
            raise Problem("unauthorized", "hello: a token is needed here.")
        self._identity.check()
        self._protocol.greet(hello)
        self._writer.batch = "batch" in self._protocol.features
        self._send(self._welcome(hello))
        self._liveness.greeted()

    def _authenticate(self, ident: int | str, token: str) -> bool:
        """Let the client in by its token, or say why not and end the connection, unless it may say hello again."""
        stranger = self._identity.principal is None
        try:
            self._identity.present(token)
        except Problem as problem:
            audited.denied(self, self._identity.principal, "hello", problem)
            self._answers.error(ident, problem)
            if problem.retry == "never":
                self.goodbye("unauthorized", problem.detail)
            return False
        if not stranger:
            self._take_fresh()
        elif not self._admit(self.principal):
            return False
        else:
            self._identity.admitted(self.principal)
        return True

    def _admit(self, principal: Principal) -> bool:
        """Count the connection for its subject, or say goodbye where that has enough of them."""
        try:
            self._seat.admit(principal)
        except Problem as problem:
            self.goodbye("too_many_connections", problem.detail)
            return False
        return True

    def _auth(self, auth: Auth) -> None:
        if self._identity.principal is None:
            raise Problem("hello_required", "auth renews a token; the first one comes in the hello.")
        self._identity.present(auth.token)
        self._take_fresh()
        self._send(encode.reply(auth.id, 200, {"expires_in": self._identity.expires_in}))

    def _take_fresh(self) -> None:
        """A fresh token is the peer's, too, and may let the client see other things."""
        self._renewed(self.principal)
        self.rejudge()

    def _welcome(self, hello: Hello) -> dict[str, Any]:
        limits = self._parts.limits
        resumed = {} if hello.resume is None else {"resumed": self._parts.owners.resume(self.id, hello.resume)}
        return {
            "type": "welcome",
            "id": hello.id,
            "connection": self.id,
            **resumed,
            "server": self._parts.server,
            "user": self.principal.to_user(),
            "targets": [target.to_welcome() for target in self._parts.targets],
            "subs": self._subscriptions.open_all(self.principal, hello.subs),
            "expires_in": self._identity.expires_in,
            "ping": {"every": limits.ping_seconds, "timeout": limits.pong_seconds},
            "limits": {"frame": limits.frame, "inflight": limits.inflight, "subscriptions": limits.subscriptions},
        }

    def _refuse(self, refusal: Refusal) -> None:
        audited.denied(self, self._identity.principal, "request" if refusal.rest else "message", refusal.problem)
        self._answers.refuse(refusal)

    def _pong(self) -> None:
        if self._protocol.greeted:
            self._liveness.pong()

    def _answer_ping(self, ping: Ping) -> None:
        self._seat.charge_alone(READ)
        self._send({"type": "pong", "t": ping.t})

    def _ping(self) -> None:
        self._send({"type": "ping", "t": int(time.time() * 1000), "pos": self._subscriptions.positions()})

    # --- subscriptions

    def _subscribe(self, wish: Subscribe) -> None:
        self._identity.check()
        self._send(encode.reply(wish.id, 200, self._subscriptions.open(self.principal, wish)))

    def _unsubscribe(self, wish: Unsubscribe) -> None:
        self._subscriptions.close(wish.sub)
        self._send(encode.reply(wish.id, 200, {"sub": wish.sub}))

    def _send(self, message: dict[str, Any]) -> None:
        self._answers.send(message)
