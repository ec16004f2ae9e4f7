"""One client: takes its frames, carries out what they ask, sends what it is to get."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from aribridge.core.principal import Principal
from aribridge.hub.commands import Result
from aribridge.hub.lanes import Lanes
from aribridge.hub.liveness import Liveness
from aribridge.hub.parts import HubParts
from aribridge.hub.rest_form import to_request, to_response
from aribridge.hub.subscriptions import Subscriptions, read_subscribe
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

_REST_LANE = object()


class Connection:
    """A ``transport.Receiver`` that speaks protocol v1. ``principal`` None: a hello must bring a token."""

    def __init__(self, parts: HubParts, carrier: Carrier, principal: Principal | None) -> None:
        self.id = f"c_{secrets.token_hex(6)}"
        self.kind = carrier.kind
        self._parts = parts
        self._carrier = carrier
        self._principal = principal
        self._connected: asyncio.Task[None] | None = None
        self._ended = False
        limits = parts.limits
        self._protocol = ProtocolConnection(
            frame_limit=limits.frame, inflight_limit=limits.inflight, authenticated=principal is not None
        )
        self._writer = Writer(carrier, limits, self._fill, self._stalled)
        self._lanes = Lanes()
        self._subscriptions = Subscriptions(
            parts.targets, self._writer, limit=limits.subscriptions, max_send=carrier.max_send
        )
        self._liveness = Liveness(limits, self._ping, self.goodbye)
        self._handlers: dict[type, Callable[[Any], None]] = {
            Hello: self._hello,
            Request: self._request,
            RestRequest: self._rest_request,
            ScriptMessage: self._script_message,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Auth: self._auth,
            Ping: lambda ping: self._send({"type": "pong", "t": ping.t}),
            Pong: lambda _: self._liveness.pong() if self._protocol.greeted else None,
            Refusal: self._refuse,
            Fatal: lambda fatal: self.goodbye(fatal.slug, fatal.detail),
        }

    # --- what scripts see of a connection (script.Client)

    @property
    def principal(self) -> Principal:
        """Who the client is; asked for only after it authenticated."""
        assert self._principal is not None
        return self._principal

    def send_message(self, data: Any) -> None:
        """Send a message of a script's to the client."""
        self._send({"type": "message", "data": data})

    # --- life

    async def run(self) -> None:
        """Serve the client until its carrier is gone; the hub owns the task."""
        if self._principal is None:
            self._liveness.await_hello()
        else:
            self._admitted(self._principal)
        try:
            await self._writer.run()
        finally:
            self._end("closed")

    def received(self, frame: str | bytes) -> None:
        """Take one frame from the carrier."""
        if self._ended:
            return
        for item in self._protocol.receive(frame):
            self._handle(item)

    def closed(self, reason: str) -> None:
        """The carrier is gone."""
        self._end(reason)

    def goodbye(self, slug: str, detail: str, after_ms: int = 0) -> None:
        """End the connection with a reason that says whether and how to come back."""
        metrics.goodbyes_total.labels(slug).inc()
        log.info("connection.goodbye", connection=self.id, slug=slug, detail=detail)
        last = encode.encode(encode.goodbye(slug, detail, after_ms))
        self._writer.finish(last, GOODBYES[slug].code, slug, at_once=slug == "slow_consumer")

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
        self._parts.left(self, reason)
        if self._connected is not None:
            self._parts.spawn(self._disconnected(self._connected, reason))

    # --- dispatch

    def _handle(self, item: ClientMessage | Refusal | Fatal) -> None:
        try:
            self._handlers[type(item)](item)
        except Problem as problem:
            self._send(encode.error(getattr(item, "id", None), problem))
        except Exception:
            log.exception("message.failed", connection=self.id, message=type(item).__name__)
            self.goodbye("internal", "The gateway failed on a message; its log has the details.")

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.rest is None:
            self._send(encode.error(refusal.id, refusal.problem))
        else:
            result = Result(refusal.problem.status, error=refusal.problem)
            self._send(to_response(refusal.rest, result, ""))

    # --- who

    def _hello(self, hello: Hello) -> None:
        if hello.token is not None and not self._authenticate(hello.id, hello.token):
            return
        if self._principal is None:
            raise Problem("unauthorized", "hello: a token is needed here.")
        self._protocol.greet(hello)
        self._writer.batch = "batch" in self._protocol.features
        self._send(self._welcome(hello, self._principal, self._subscribe_all(hello)))
        self._liveness.greeted()

    def _authenticate(self, ident: int | str, token: str) -> bool:
        """Let the client in by its token, or say why not and end the connection."""
        try:
            principal = self._verified(token)
        except Problem as problem:
            self._send(encode.error(ident, problem))
            self.goodbye("unauthorized", problem.detail)
            return False
        stranger, self._principal = self._principal is None, principal
        if stranger:
            self._admitted(principal)
        else:
            self._liveness.expire_at(principal.expires)
        return True

    def _admitted(self, principal: Principal) -> None:
        log.info("connection.open", connection=self.id, carrier=self.kind, peer=self._carrier.peer, sub=principal.sub)
        self._liveness.expire_at(principal.expires)
        self._connected = self._parts.spawn(self._parts.scripts.on_connect(self))

    async def _disconnected(self, connected: asyncio.Task[None], reason: str) -> None:
        """Tell scripts that the client is gone, after they were told that it came."""
        await asyncio.wait([connected])
        await self._parts.scripts.on_disconnect(self, reason)

    def _auth(self, auth: Auth) -> None:
        if self._principal is None:
            raise Problem("hello_required", "auth renews a token; the first one comes in the hello.")
        self._principal = self._verified(auth.token)
        self._liveness.expire_at(self._principal.expires)
        self._send(encode.reply(auth.id, 200, {"expires_in": _expires_in(self._principal)}))

    def _verified(self, token: str) -> Principal:
        """The principal of a token, which must be this connection's own subject if it has one. Raises Problem."""
        principal, before = self._parts.authenticate(token), self._principal
        if before is not None and (before.sub, before.tenant) != (principal.sub, principal.tenant):
            raise Problem("unauthorized", "The token is of another subject than this connection's.")
        return principal

    def _welcome(self, hello: Hello, principal: Principal, subs: list[dict[str, Any]]) -> dict[str, Any]:
        limits = self._parts.limits
        return {
            "type": "welcome",
            "id": hello.id,
            "connection": self.id,
            "server": self._parts.server,
            "user": principal.to_user(),
            "targets": [target.to_welcome() for target in self._parts.targets],
            "subs": subs,
            "expires_in": _expires_in(principal),
            "ping": {"every": limits.ping_seconds, "timeout": limits.pong_seconds},
            "limits": {"frame": limits.frame, "inflight": limits.inflight, "subscriptions": limits.subscriptions},
        }

    def _ping(self) -> None:
        self._send({"type": "ping", "t": int(time.time() * 1000), "pos": self._subscriptions.positions()})

    # --- subscriptions

    def _subscribe_all(self, hello: Hello) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for body in hello.subs:
            try:
                answer = self._subscriptions.open(self.principal, read_subscribe(body))
                results.append({"status": 200, "body": answer})
            except Problem as problem:
                results.append({"status": problem.status, "error": problem.to_error()})
        return results

    def _subscribe(self, wish: Subscribe) -> None:
        self._send(encode.reply(wish.id, 200, self._subscriptions.open(self.principal, wish)))

    def _unsubscribe(self, wish: Unsubscribe) -> None:
        self._subscriptions.close(wish.sub)
        self._send(encode.reply(wish.id, 200, {"sub": wish.sub}))

    # --- work

    def _request(self, request: Request) -> None:
        self._parts.spawn(self._carry_out(request))

    def _rest_request(self, rest: RestRequest) -> None:
        self._parts.spawn(self._carry_out_rest(rest))

    def _script_message(self, message: ScriptMessage) -> None:
        self._parts.spawn(self._ask_scripts(message))

    async def _carry_out(self, request: Request) -> None:
        async with self._lanes.turn(request.lane):
            result = await self._result(self._run(request))
        self._answer(request.id, result.to_reply(request.id))

    async def _carry_out_rest(self, rest: RestRequest) -> None:
        async with self._lanes.turn(_REST_LANE):
            result = await self._result(self._run_rest(rest))
        self._protocol.answered(None)
        self._send_long(None, to_response(rest, result, self._app()))

    async def _ask_scripts(self, message: ScriptMessage) -> None:
        result = await self._result(self._run_scripts(message))
        if message.id is None:
            self._protocol.answered(None)
        else:
            self._answer(message.id, result.to_reply(message.id))

    async def _run(self, request: Request) -> Result:
        await self._introduced()
        return await self._parts.commands.run(self, self.principal, request)

    async def _run_rest(self, rest: RestRequest) -> Result:
        return await self._run(to_request(rest))

    async def _run_scripts(self, message: ScriptMessage) -> Result:
        await self._introduced()
        return Result(200, await self._parts.scripts.on_message(self, message.data))

    async def _introduced(self) -> None:
        """Work waits until the scripts' ``on_connect`` is through, so that they never meet a stranger."""
        if self._connected is not None and not self._connected.done():
            await asyncio.wait([self._connected])

    async def _result(self, work: Awaitable[Result]) -> Result:
        """Every request gets exactly one answer, whatever happens to it."""
        try:
            return await work
        except Problem as problem:
            return Result(problem.status, error=problem)
        except Exception:
            log.exception("request.failed", connection=self.id)
            failure = Problem("internal", "The gateway failed on this request.", outcome="unknown")
            return Result(500, error=failure)

    # --- sending

    def _answer(self, ident: int | str, reply: dict[str, Any]) -> None:
        self._protocol.answered(ident)
        self._send_long(ident, reply)

    def _send_long(self, ident: int | str | None, message: dict[str, Any]) -> None:
        """Send a reply whole, else in parts to a client that has them, else say that it is too large."""
        text = encode.encode(message)
        most = self._carrier.max_send
        if len(text.encode()) <= most:
            self._writer.put(text)
        elif ident is not None and "parts" in self._protocol.features:
            for frame in encode.parts(ident, text, most):
                self._writer.put(frame)
        else:
            self._send_too_large(ident, message, len(text), most)

    def _send_too_large(self, ident: int | str | None, message: dict[str, Any], size: int, most: int) -> None:
        applied = message.get("status", message.get("status_code", 500)) < 400
        detail = f'The reply of {size} bytes is over {most}; list "parts" in the hello to get it in parts.'
        problem = Problem("reply_too_large", detail, outcome="applied" if applied else "not_applied")
        if ident is not None:
            self._send(encode.error(ident, problem))
            return
        kept = {key: message[key] for key in ("type", "transaction_id", "request_id", "uri", "application")}
        self._send({**kept, "status_code": 413, "reason_phrase": "Content Too Large", **_rest_body(problem)})

    def _send(self, message: dict[str, Any]) -> None:
        self._writer.put(encode.encode(message))

    def _app(self) -> str:
        with suppress(Problem):
            return self._parts.targets.pick(None).link.app
        return ""


def _rest_body(problem: Problem) -> dict[str, str]:
    return {"content_type": "application/json", "message_body": encode.encode({"message": problem.detail})}


def _expires_in(principal: Principal) -> int | None:
    return None if principal.expires is None else max(0, int(principal.expires - time.time()))
