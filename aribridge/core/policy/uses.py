"""What a command touches: existing objects, new names, endpoints to call, contexts, applications, variables, media.

Read off the parameters by their names, which mean the same in all of ARI's operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aribridge.core.command import Command
from aribridge.core.making import CHANNEL_MAKERS, MAKERS


class How(Enum):
    """How an operation uses what a parameter names."""

    OBJECT = "it exists"
    NEW = "it is made under this name"
    CALL = "an endpoint to call or to write to"
    CONTEXT = "a call goes on there"
    APP = "a Stasis application"
    VARIABLE = "a variable or dialplan function is read"
    SET = "a variable or dialplan function is set"
    MEDIA = "it is played"
    LANGUAGE = "a folder of sounds, in which what is played is looked for"


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that a command touches; ``kind`` is that of the call state, or empty."""

    how: How
    kind: str
    id: str


_NEW = {
    **{(op, parameter): kind for op, (kind, parameter) in MAKERS.items()},
    **{(op, "otherChannelId"): "channels" for op in CHANNEL_MAKERS},
    ("recordings.copyStored", "destinationRecordingName"): "recordings",
}
_OBJECTS = {
    "channelId": "channels",
    "channel": "channels",
    "originator": "channels",
    "caller": "channels",
    "bridgeId": "bridges",
    "playbackId": "playbacks",
    "recordingName": "recordings",
    "mailboxName": "mailboxes",
    "deviceName": "deviceStates",
}
_APPS = frozenset({"app", "application", "applicationName"})
_PLAIN = {"endpoint": How.CALL, "context": How.CONTEXT, "media": How.MEDIA, "lang": How.LANGUAGE}
_SOURCES = {"channel": "channels", "bridge": "bridges", "endpoint": "endpoints", "deviceState": "deviceStates"}
_COMMA_LISTS = frozenset({"channel", "media", "variables", "eventSource", "source"})
_DEFAULT_CONTEXT = "default"
"""Where Asterisk sends an originated call with an extension and no context."""


def uses(command: Command) -> Iterator[Use]:
    """Everything that a command touches."""
    for name, value in command.params.items():
        for text in _texts(name, value):
            yield from _use(command.op, name, text)
    yield from _together(command)


def _use(op: str, name: str, text: str) -> Iterator[Use]:
    if (op, name) in _NEW:
        yield Use(How.NEW, _NEW[op, name], text)
    elif name in _OBJECTS:
        yield Use(How.OBJECT, _OBJECTS[name], text)
    elif name in _APPS:
        yield Use(How.APP, "", text)
    elif name in _PLAIN:
        yield Use(_PLAIN[name], "", text)
    elif name in {"variable", "variables"}:
        yield Use(_variable_use(op), "", text)
    elif name in {"eventSource", "source"}:
        yield _source(text)
    elif name in {"to", "refer_to"}:
        yield Use(How.CALL, "", _as_endpoint(text))


def _together(command: Command) -> Iterator[Use]:
    """What only several parameters together say."""
    params = command.params
    if {"tech", "resource"} <= params.keys():
        yield Use(How.OBJECT, "endpoints", f"{params['tech']}/{params['resource']}")
    if params.get("extension") and command.op.startswith("channels.originate") and not params.get("context"):
        yield Use(How.CONTEXT, "", _DEFAULT_CONTEXT)
    if params.get("ifExists", "fail") != "fail" and "name" in params:
        yield Use(How.OBJECT, "recordings", str(params["name"]))


def _texts(name: str, value: Any) -> Iterator[str]:
    """The texts of a parameter; of a list or a comma list each, of an object the names in it."""
    if isinstance(value, str):
        yield from value.split(",") if name in _COMMA_LISTS else (value,)
    elif isinstance(value, Mapping):
        yield from _names_in(value)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(name, item)


def _names_in(value: Mapping[str, Any]) -> Iterator[str]:
    """The names in an object of variables, however it is written: Asterisk takes some other forms, too."""
    yield from value
    for inner in (value.get("variables"), *(value.get(key) for key in ("key", "name", "attribute"))):
        if isinstance(inner, str):
            yield inner
        elif isinstance(inner, Mapping):
            yield from inner


def _variable_use(op: str) -> How:
    return How.VARIABLE if ".get" in op else How.SET


def _source(text: str) -> Use:
    source, _, ident = text.partition(":")
    return Use(How.OBJECT, _SOURCES.get(source, ""), ident)


def _as_endpoint(text: str) -> str:
    """A message's address, ``pjsip:200``, as the endpoint that it means, if it is one."""
    tech, _, resource = text.partition(":")
    return f"{tech.upper()}/{resource}"
