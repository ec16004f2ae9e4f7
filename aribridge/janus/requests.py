"""The requests of the Janus API: at which level each belongs, and the fields it takes.

Source: https://janus.conf.meetecho.com/docs/rest.html and what janus.js sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aribridge.janus.errors import Code, JanusError

MAX_ID = 2**53 - 1
"""Ids are JSON numbers, and a JavaScript number is exact up to here."""

Level = Literal["root", "session", "handle"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A type that a field can have."""

    name: str
    check: Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request."""

    name: str
    kind: Kind
    required: bool = False
    nullable: bool = False
    """Whether null means that it is not there."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a request looks like; an ``open`` one needs no credentials, a ``loose`` one may name a handle, too."""

    level: Level
    fields: tuple[Field, ...] = ()
    open: bool = False
    loose: bool = False


STRING = Kind("a string", lambda value: isinstance(value, str))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
ID = Kind(f"an integer from 0 to {MAX_ID}", lambda value: type(value) is int and 0 <= value <= MAX_ID)

REQUESTS: Mapping[str, Spec] = {
    "info": Spec("root", open=True),
    "ping": Spec("root", open=True),
    "create": Spec("root", (Field("id", ID),)),
    "attach": Spec(
        "session", (Field("plugin", STRING, required=True), Field("opaque_id", STRING), Field("loop_index", ID))
    ),
    "claim": Spec("session", loose=True),
    "keepalive": Spec("session", loose=True),
    "destroy": Spec("session"),
    "message": Spec("handle", (Field("body", OBJECT, required=True), Field("jsep", OBJECT))),
    "trickle": Spec("handle"),
    "hangup": Spec("handle"),
    "detach": Spec("handle"),
}

_ENVELOPE = (
    Field("transaction", STRING, required=True),
    Field("janus", STRING, required=True),
    # Many a client's JSON library writes null for what is not set.
    Field("session_id", ID, nullable=True),
    Field("handle_id", ID, nullable=True),
    Field("apisecret", STRING, nullable=True),
    Field("token", STRING, nullable=True),
)


@dataclass(frozen=True, slots=True)
class Address:
    """The session and handle that an HTTP path names; 0 for none."""

    session_id: int = 0
    handle_id: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request with the right shape. ``session_id`` and ``handle_id`` are 0 where it names none."""

    name: str
    spec: Spec
    transaction: str
    session_id: int
    handle_id: int
    apisecret: str | None = field(repr=False)
    token: str | None = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)

    def reply(self, kind: str, **content: Any) -> dict[str, Any]:
        """A reply to this request; ``session_id`` is in it wherever the request named one."""
        session = {"session_id": self.session_id} if self.session_id else {}
        return {"janus": kind, **session, "transaction": self.transaction, **content}

    def error(self, error: JanusError) -> dict[str, Any]:
        """The reply that says why it cannot be done."""
        return self.reply("error", error=error.to_json())


def parse(message: object, path: Address | None = None) -> Request:
    """Check what a client sent. ``path`` is where a POST went; None on a WebSocket. The body may address, too.

    Raises JanusError: 455, 456, 467 for the shape, 453 for an unknown request, 457 at the wrong level.
    """
    if not isinstance(message, dict):
        raise JanusError(Code.NOT_AN_OBJECT, "A request is a JSON object.")
    check_fields(message, _ENVELOPE)
    address = _address(message, path)
    name = message["janus"].lower()
    spec = REQUESTS.get(name)
    if spec is None:
        raise JanusError(Code.UNKNOWN_REQUEST, f"Unknown request {name[:40]!r}; known are {', '.join(REQUESTS)}.")
    _check_level(name, spec, address)
    return Request(
        name=name,
        spec=spec,
        transaction=message["transaction"],
        session_id=address.session_id,
        handle_id=address.handle_id,
        apisecret=message.get("apisecret"),
        token=message.get("token"),
        fields=message,
    )


def check_fields(message: Mapping[str, Any], fields: tuple[Field, ...]) -> None:
    """Raise JanusError 456 for a required field that is missing, 467 for one of the wrong type."""
    for wanted in fields:
        if wanted.name not in message:
            if wanted.required:
                raise JanusError(Code.MISSING_ELEMENT, f"Missing {wanted.name}: {wanted.kind.name} is required.")
        elif not wanted.kind.check(message[wanted.name]) and not (wanted.nullable and message[wanted.name] is None):
            raise JanusError(Code.WRONG_TYPE, f"{wanted.name} must be {wanted.kind.name}.")


def _address(message: Mapping[str, Any], path: Address | None) -> Address:
    in_body = Address(message.get("session_id") or 0, message.get("handle_id") or 0)
    if path is None:
        return in_body
    for name, body_id, path_id in (
        ("session_id", in_body.session_id, path.session_id),
        ("handle_id", in_body.handle_id, path.handle_id),
    ):
        if body_id and path_id and body_id != path_id:
            raise JanusError(Code.WRONG_LEVEL, f"The {name} in the body is not the one in the path; leave it out.")
    return Address(path.session_id or in_body.session_id, path.handle_id or in_body.handle_id)


def _check_level(name: str, spec: Spec, address: Address) -> None:
    if address.handle_id and not address.session_id:
        raise JanusError(Code.NO_SESSION, "handle_id needs the session_id that it belongs to.")
    actual: Level = "handle" if address.handle_id else "session" if address.session_id else "root"
    if actual != spec.level and not (spec.loose and actual == "handle"):
        raise JanusError(
            Code.WRONG_LEVEL, f"{name} is a {spec.level}-level request, and this one was addressed at {actual} level."
        )
