"""What negotiates a peer connection inside Janus messages: session descriptions and ICE candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from aribridge.janus.errors import Code, JanusError
from aribridge.janus.requests import STRING, Field, check_fields

SdpType = Literal["offer", "answer"]
Candidate = Mapping[str, Any] | None
"""A candidate as RTCIceCandidate.toJSON() gives it; None for the end of candidates."""

MAX_CANDIDATES = 64
"""Most candidates in one trickle, or kept until a session description comes."""


@dataclass(frozen=True, slots=True)
class Jsep:
    """A session description (RFC 9429): ``type`` and ``sdp`` alone, as janus.js never sends its trickle flag."""

    type: SdpType
    sdp: str = field(repr=False)

    def to_json(self) -> dict[str, str]:
        """The ``jsep`` object of an event."""
        return {"type": self.type, "sdp": self.sdp}


def parse_jsep(value: Mapping[str, Any]) -> Jsep:
    """Read the ``jsep`` object of a message. Raises JanusError 456, 467, and 464 for another type than those two."""
    check_fields(value, (Field("type", STRING, required=True), Field("sdp", STRING, required=True)))
    if value["type"] not in get_args(SdpType):
        raise JanusError(Code.UNKNOWN_JSEP, f"jsep.type must be offer or answer, not {value['type'][:20]!r}.")
    return Jsep(value["type"], value["sdp"])


def parse_candidates(fields: Mapping[str, Any]) -> list[Candidate]:
    """Read the ``candidate`` or the ``candidates`` of a trickle request. Raises JanusError 454, 456, 467."""
    if "candidate" in fields and "candidates" in fields:
        raise JanusError(Code.INVALID_JSON, "A trickle has either candidate or candidates, not both.")
    if "candidate" in fields:
        return [_candidate(fields["candidate"])]
    if "candidates" not in fields:
        raise JanusError(Code.MISSING_ELEMENT, "Missing candidate (an object) or candidates (an array).")
    values = fields["candidates"]
    if not isinstance(values, list) or len(values) > MAX_CANDIDATES:
        raise JanusError(Code.WRONG_TYPE, f"candidates must be an array, of at most {MAX_CANDIDATES} elements.")
    return [_candidate(value) for value in values]


def _candidate(value: object) -> Candidate:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise JanusError(Code.WRONG_TYPE, "A candidate must be an object, or null for the end of candidates.")
    if "completed" in value:
        return None
    check_fields(value, (Field("candidate", STRING, required=True),))
    _check_media(value)
    # Browsers announce the end of candidates of one m-line with an empty candidate line (RFC 8838).
    return value if value["candidate"] else None


def _check_media(value: Mapping[str, Any]) -> None:
    mid, index = value.get("sdpMid"), value.get("sdpMLineIndex")
    if mid is None and index is None:
        raise JanusError(Code.MISSING_ELEMENT, "A candidate needs sdpMid (a string) or sdpMLineIndex (an integer).")
    if not isinstance(mid, str | None) or not (index is None or (type(index) is int and index >= 0)):
        raise JanusError(Code.WRONG_TYPE, "sdpMid must be a string, sdpMLineIndex an integer from 0.")
