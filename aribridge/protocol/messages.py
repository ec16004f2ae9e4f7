"""The messages that clients send (protocol v1), as typed shapes.

Unknown fields are refused: a typo in an optional field would otherwise change what a command does, in silence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Id = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(min_length=1, max_length=64)]
"""Chosen by the client, echoed in the reply: an integer that JavaScript keeps exact, or a string of at most 64."""

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Sub = Annotated[int, Meta(ge=0, le=2**53)]
Strings = Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=1000)]
Feature = Annotated[str, Meta(max_length=32)]


class Position(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in a stream."""

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Annotated[int, Meta(ge=0, le=2**53)]


class Subscribe(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="subscribe"):
    """Ask for a view of a target's stream; ``sub`` names it and must be fresh on the connection.

    Without ``snapshot`` it is ``if_needed`` in mode state, ``never`` in mode events.
    """

    id: Id
    sub: Sub
    target: Name | None = None
    mode: Literal["events", "state"] = "events"
    filter: dict[str, Strings] = {}
    since: Position | None = None
    snapshot: Literal["if_needed", "always", "never"] | None = None


class Hello(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="hello"):
    """The first message: token (where the carrier did not authenticate already), features, subscriptions.

    ``resume`` is the earlier connection that this one goes on for.
    """

    id: Id
    token: Annotated[str, Meta(max_length=16384)] | None = None
    features: Annotated[list[Feature], Meta(max_length=16)] = []
    subs: Annotated[list[dict[str, Any]], Meta(max_length=64)] = []
    resume: Name | None = None


class Own(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What becomes of what a command makes when its maker is lost and not back within the grace.

    Without ``on_loss`` it is ``hangup`` for snoops, ``keep`` for all else.
    """

    on_loss: Literal["keep", "hangup"] | None = None
    grace_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 30_000


class Request(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="request"):
    """An ARI command: by ``method`` and ``path``, or by ``op`` (operation id) and ``params``."""

    id: Id
    method: Annotated[str, Meta(max_length=16)] | None = None
    path: Annotated[str, Meta(max_length=4096)] | None = None
    query: dict[str, Any] | None = None
    body: dict[str, Any] | None = None
    op: Annotated[str, Meta(max_length=128)] | None = None
    params: dict[str, Any] | None = None
    target: Name | None = None
    key: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    lane: Name | None = None
    timeout_ms: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    own: Own | None = None
    flow: bool = False


class Unsubscribe(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="unsubscribe"):
    """End a subscription."""

    id: Id
    sub: Sub


class ScriptMessage(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="message"):
    """Anything, for the scripts' ``on_message``; without an id no reply comes."""

    id: Id | None = None
    data: Any


class Auth(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="auth"):
    """A fresh token of the same subject, before the old one expires."""

    id: Id
    token: Annotated[str, Meta(max_length=16384)]


class Ping(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ping"):
    """Asks for a pong with the same ``t``."""

    t: int | float | str | None = None


class Pong(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="pong"):
    """Answers the gateway's ping."""

    t: int | float | str | None = None


class QueryString(Struct, frozen=True):
    """One query parameter of a RESTRequest."""

    name: str
    value: str = ""


class RestRequest(Struct, kw_only=True, frozen=True, tag="RESTRequest", tag_field="type"):
    """Asterisk's own request form (Asterisk documentation, "ARI REST over WebSocket")."""

    method: str
    uri: Annotated[str, Meta(max_length=4096)]
    transaction_id: Annotated[str, Meta(max_length=256)] = ""
    request_id: Annotated[str, Meta(max_length=256)] = ""
    query_strings: Annotated[list[QueryString], Meta(max_length=256)] = []
    content_type: str = ""
    message_body: str = ""


ClientMessage = Hello | Request | Subscribe | Unsubscribe | ScriptMessage | Auth | Ping | Pong | RestRequest

TYPES = frozenset(
    {"hello", "request", "subscribe", "unsubscribe", "message", "auth", "ping", "pong", "RESTRequest"},
)
