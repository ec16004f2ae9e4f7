"""Cause and remedy for what Asterisk's errors leave unsaid.

Seen on Asterisk 16.28 and 22.10.1; the texts matched are theirs (res/ari/resource_*.c, res/res_ari.c, main/http.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from aribridge.protocol.problems import Problem

if TYPE_CHECKING:
    from aribridge.core.command import Answer, Command


@dataclass(frozen=True, slots=True)
class Failure:
    """A known failure: the statuses, a part of Asterisk's text, and the operations by glob that it is known of."""

    statuses: tuple[int, ...]
    text: str
    advice: str
    ops: tuple[str, ...] = ("*",)

    def matches(self, command: Command, answer: Answer) -> bool:
        """Whether this answer to this command is that failure."""
        return (
            answer.status in self.statuses
            and any(fnmatchcase(command.op, glob) for glob in self.ops)
            and self.text.encode() in (answer.body or b"")
        )


_CREATES = ("channels.originate*", "channels.create")

KNOWN = (
    Failure(
        (409, 422),
        "not in Stasis",
        "The channel is not in a Stasis application: it has not been answered yet, has left, or runs in the dialplan. "
        "Wait for its StasisStart event; from the dialplan, send it into Stasis(). Only hangup, snoop and reading work "
        "outside.",
    ),
    Failure(
        (409,),
        "unique ID already exists",
        "A channel with this id exists: leave channelId and otherChannelId out or choose fresh ones. If none was "
        "given, the endpoint is the cause: after one such conflict Asterisk may say this instead of Allocation failed.",
        _CREATES,
    ),
    Failure((409,), "already exists", "An object with this id exists already: choose a fresh one, or use that one."),
    Failure(
        (500,),
        "when updating a bridge",
        "A bridge with this id exists already: choose a fresh id, or use that bridge.",
        ("bridges.create*",),
    ),
    Failure(
        (409,),
        "Uncontrolled device",
        "Asterisk lets ARI set only devices whose name starts with Stasis: (such as Stasis:desk).",
        ("deviceStates.*",),
    ),
    Failure(
        (412,),
        "invalid state",
        "The channel is not up yet. One made by channels.create must be dialled first (channels.dial); then wait for "
        "ChannelStateChange to Up.",
    ),
    Failure(
        (500,),
        "Allocation failed",
        "No channel could be made for the endpoint: it is unknown, not registered, or its technology's module is not "
        "loaded. Look at GET /endpoints; in Asterisk's CLI: pjsip show endpoints.",
        _CREATES,
    ),
    Failure(
        (500,),
        "internal error prevented",
        "Asterisk says so when the id is taken or the format is unknown: use a fresh channelId and a format such as "
        "slin16 or ulaw.",
        ("channels.externalMedia",),
    ),
    Failure(
        (500,),
        "Snoop channel could not be created",
        "The id of the snoop channel may be taken: leave snoopId out or choose a fresh one.",
        ("channels.snoop*",),
    ),
    Failure(
        (500,),
        "Internal Server Error",
        "Asterisk cannot record here: the channel is in a bridge (record the bridge instead), or the folder of "
        "recordings (astspooldir/recording) cannot be written.",
        ("*.record",),
    ),
    Failure(
        (500,),
        "Unable to create bridge",
        "The type of the bridge is not one Asterisk knows: mixing, holding, dtmf_events, proxy_media, video_sfu.",
        ("bridges.create*",),
    ),
    Failure(
        (422,),
        "format is unknown",
        "Asterisk has no module for this recording format; in its CLI: core show file formats.",
        ("*.record",),
    ),
    Failure(
        (401,),
        "",
        "Asterisk refuses the gateway's own user: the operator must check user and password of this [[asterisk]] "
        "against ari.conf.",
    ),
    Failure(
        (403,),
        "Write access denied",
        "The gateway's own user may only read: the operator must set read_only=no for it in ari.conf.",
    ),
    Failure(
        (403,),
        "Cannot create sorcery objects",
        "Asterisk reads these objects from a file: only a realtime, astdb or memory wizard (sorcery.conf) can "
        "write them.",
        ("asterisk.*Object",),
    ),
    Failure((413,), "", "Asterisk takes 40 KB at most in one request: send less, or in several commands."),
    Failure(
        (400,),
        "Request line too long",
        "Asterisk takes 4096 bytes of path and query at most: shorten the ids.",
    ),
    Failure((400, 404), "Channel not found", "The channel has ended, or never was: follow ChannelDestroyed events."),
    Failure(
        (404,),
        "",  # a file has no body with Asterisk's words for whoever asks the gateway
        "Asterisk has no recording of this name; recordings.listStored tells those that there are.",
        ("recordings.getStoredFile",),
    ),
    Failure((503,), "", "Asterisk is starting or stopping: try again in a few seconds."),
)

_CAPITAL = re.compile(r"(?=[A-Z])")


def explain(command: Command, answer: Answer) -> str:
    """Cause and remedy of an error that Asterisk answered; empty for an unknown one or a success."""
    if answer.status == 404 and b"Resource not found" in (answer.body or b""):
        return _unloaded_module(command)
    return next((failure.advice for failure in KNOWN if failure.matches(command, answer)), "")


def body_of(command: Command, answer: Answer) -> Any:
    """The decoded body of an answer, None where it has none. Raises Problem ``asterisk_error`` for a refusal."""
    body = msgspec.json.decode(answer.body) if answer.body else None
    if answer.status < 400:
        return body
    said = body.get("message") if isinstance(body, dict) else None
    detail = explain(command, answer) or str(said or f"Asterisk answered {answer.status}.")
    raise Problem("asterisk_error", detail, status=answer.status, source="asterisk")


def _unloaded_module(command: Command) -> str:
    """The operation is in Asterisk's description, yet unknown to it: that resource has a module of its own."""
    resource = command.op.partition(".")[0]
    module = f"res_ari_{_CAPITAL.sub('_', resource).lower()}.so"
    return (
        f"Asterisk describes {command.op} but does not have it: {module} is not loaded. The operator must load it "
        f"(modules.conf; in Asterisk's CLI: module load {module})."
    )
