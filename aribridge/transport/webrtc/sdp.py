"""Session descriptions: reads what a client offers or answers, writes ours.

The gateway takes one thing, a data channel transport, and takes it on one ICE and DTLS transport for all (BUNDLE).
Audio and video that share that transport are answered ``inactive``, so that an offer of an unmodified client stays
valid; what would need a transport of its own is declined with port 0.

Sources: RFC 8866 (SDP), RFC 8829 (JSEP), RFC 8841 (SCTP over DTLS), RFC 8842 (DTLS), RFC 9143 (BUNDLE).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from aribridge.protocol.problems import Problem

MAX_TEXT = 262_144
MAX_MEDIA = 64
MAX_CANDIDATES = 64
DEFAULT_MAX_MESSAGE_SIZE = 65_536  # RFC 8841 section 6.1: what a description without the attribute means
LEAST_MAX_MESSAGE_SIZE = 1000
"""Less than that holds no part of a reply: its id alone may take 384 bytes."""
DIGESTS = ("sha-256", "sha-384", "sha-512")
SCTP_PORT = 5000

_MEDIA_LINE = re.compile(r"([a-z]+) ([0-9]{1,5})(?:/[0-9]+)? ([A-Za-z/]+) (\S.*)")
_SCTP_PROTOCOLS = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP")
_SETUPS = ("actpass", "active", "passive")

Attributes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Media:
    """One m-section, as read."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    attributes: Attributes

    @property
    def mid(self) -> str:
        """Its identification (RFC 5888); empty if it has none."""
        return _first(self.attributes, "mid")

    @property
    def offered(self) -> bool:
        """False for a section that is switched off: port 0 without bundle-only (RFC 9143 section 6)."""
        return self.port != 0 or ("bundle-only", "") in self.attributes


@dataclass(frozen=True, slots=True)
class Remote:
    """What a client's description says: its sections, and the transport that carries the data channels."""

    media: tuple[Media, ...]
    data: Media
    bundle: tuple[str, ...]
    """The mids of the BUNDLE group that the data channels are in; empty if they are in none."""
    tagged: Media
    """The section whose ICE and DTLS attributes hold for the whole group (RFC 9143 section 7.2)."""
    ufrag: str
    password: str
    lite: bool
    fingerprints: tuple[tuple[str, str], ...]
    """Pairs of digest name and value, all of them known digests; at least one."""
    setup: str
    sctp_port: int
    max_message_size: int
    """In bytes; 0 means any size."""
    candidates: tuple[str, ...]

    def takes(self, media: Media) -> bool:
        """Whether a section of the offer can be answered on the transport of the data channels."""
        if media is self.data:
            return True
        return media.offered and media.kind in {"audio", "video"} and media.mid != "" and media.mid in self.bundle


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of the transport."""

    ufrag: str
    password: str
    fingerprint: str
    """Of our certificate, by sha-256."""
    setup: str
    candidates: tuple[str, ...]
    max_message_size: int
    """The largest message that we take, in bytes."""


def parse(text: str) -> Remote:
    """Read an offer or an answer. Raises Problem ``bad_sdp``, with what is wrong and what is expected."""
    if len(text) > MAX_TEXT:
        raise _bad(f"The SDP has {len(text)} characters; at most {MAX_TEXT} are read.")
    session, media = _sections(text)
    data = _data_section(media)
    bundle = _bundle(session, data)
    tagged = next((m for m in media if bundle and m.mid == bundle[0] and m.offered), data)
    transport = tagged.attributes + session
    return Remote(
        media=media,
        data=data,
        bundle=bundle,
        tagged=tagged,
        ufrag=_required(transport, "ice-ufrag", r"[A-Za-z0-9+/=_-]{4,256}"),
        password=_required(transport, "ice-pwd", r"[A-Za-z0-9+/=_-]{22,256}"),
        lite=("ice-lite", "") in session,
        fingerprints=_fingerprints(transport),
        setup=_required(transport, "setup", "|".join(_SETUPS)),
        sctp_port=_number(data.attributes, "sctp-port", SCTP_PORT, most=65535),
        max_message_size=_max_message_size(data.attributes),
        candidates=tuple(value for name, value in tagged.attributes if name == "candidate")[:MAX_CANDIDATES],
    )


def write_offer(local: Local, *, session: str, version: int) -> str:
    """An offer of data channels, complete with all candidates."""
    section = [*_data("0", _SCTP_PROTOCOLS[0], local), *_transport(local, tagged=True)]
    return _join([*_head(session, version, ("0",)), *section])


def write_answer(remote: Remote, local: Local, *, session: str, version: int) -> str:
    """The answer to an offer: its sections in its order, data accepted, audio and video inactive."""
    taken = [media for media in remote.media if remote.takes(media)]
    mids = {media.mid for media in taken}
    lines = _head(session, version, tuple(mid for mid in remote.bundle if mid in mids))
    tagged = next((media for media in taken if media is remote.tagged), remote.data)
    for media in remote.media:
        if media not in taken:
            lines += _declined(media)
            continue
        lines += _data(media.mid, media.proto, local) if media is remote.data else _inactive(media)
        lines += _transport(local, tagged=media is tagged)
    return _join(lines)


def _sections(text: str) -> tuple[Attributes, tuple[Media, ...]]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "v=0":
        raise _bad("The SDP does not begin with v=0.")
    starts = [number for number, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > MAX_MEDIA:
        raise _bad(f"The SDP has {len(starts)} m-lines; at most {MAX_MEDIA} are taken.")
    media = tuple(_media(lines[start:end]) for start, end in pairwise([*starts, len(lines)]))
    return tuple(_attributes(lines[: starts[0]] if starts else lines)), media


def _media(lines: list[str]) -> Media:
    match = _MEDIA_LINE.fullmatch(lines[0][2:].strip())
    if match is None:
        raise _bad(f"The line {lines[0][:80]!r} is not an m-line of WebRTC.")
    kind, port, proto, formats = match.groups()
    return Media(kind, int(port), proto, tuple(formats.split()), tuple(_attributes(lines[1:])))


def _attributes(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            yield name.strip(), value.strip()


def _data_section(media: tuple[Media, ...]) -> Media:
    for section in media:
        if section.kind == "application" and section.offered:
            if section.proto in _SCTP_PROTOCOLS and section.formats == ("webrtc-datachannel",):
                return section
            raise _bad("The m=application line is not UDP/DTLS/SCTP webrtc-datachannel, the form of RFC 8841.")
    raise _bad("The SDP has no data channel: call createDataChannel before createOffer, or accept m=application.")


def _bundle(session: Attributes, data: Media) -> tuple[str, ...]:
    for name, value in session:
        semantics, *mids = value.split() or [""]
        if name == "group" and semantics == "BUNDLE" and data.mid != "" and data.mid in mids:
            return tuple(mids)
    return ()


def _fingerprints(attributes: Attributes) -> tuple[tuple[str, str], ...]:
    found = [value.split() for name, value in attributes if name == "fingerprint"]
    known = tuple((f[0].lower(), f[1]) for f in found if len(f) == 2 and f[0].lower() in DIGESTS)
    if not known:
        raise _bad(f"The SDP has no a=fingerprint by {', '.join(DIGESTS)}.")
    return known


def _first(attributes: Attributes, wanted: str) -> str:
    return next((value for name, value in attributes if name == wanted), "")


def _required(attributes: Attributes, name: str, pattern: str) -> str:
    value = _first(attributes, name)
    if not re.fullmatch(pattern, value):
        raise _bad(f"The SDP has no usable a={name} for the data channel.")
    return value


def _number(attributes: Attributes, name: str, default: int, *, most: int) -> int:
    value = _first(attributes, name) or str(default)
    if not re.fullmatch("[0-9]{1,19}", value) or int(value) > most:
        raise _bad(f"The a={name} of the SDP is not a number up to {most}.")
    return int(value)


def _max_message_size(attributes: Attributes) -> int:
    size = _number(attributes, "max-message-size", DEFAULT_MAX_MESSAGE_SIZE, most=2**63)
    if 0 < size < LEAST_MAX_MESSAGE_SIZE:
        raise _bad(f"The a=max-message-size of the SDP is less than {LEAST_MAX_MESSAGE_SIZE} bytes.")
    return size


def _head(session: str, version: int, bundle: tuple[str, ...]) -> list[str]:
    lines = ["v=0", f"o=- {session} {version} IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if bundle:
        lines.append(f"a=group:BUNDLE {' '.join(bundle)}")
    return [*lines, "a=ice-options:trickle"]


def _data(mid: str, proto: str, local: Local) -> list[str]:
    return [
        f"m=application 9 {proto} webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        *([f"a=mid:{mid}"] if mid else []),
        f"a=sctp-port:{SCTP_PORT}",
        f"a=max-message-size:{local.max_message_size}",
    ]


def _inactive(media: Media) -> list[str]:
    """Audio or video without any: the first format that was offered, so that there is one in common."""
    chosen = media.formats[0]
    described = [f"a={name}:{value}" for name, value in media.attributes if _describes(name, value, chosen)]
    head = [f"m={media.kind} 9 {media.proto} {chosen}", "c=IN IP4 0.0.0.0", f"a=mid:{media.mid}"]
    return [*head, "a=inactive", "a=rtcp-mux", *described]


def _describes(name: str, value: str, chosen: str) -> bool:
    return name in {"rtpmap", "fmtp"} and value.split(" ", 1)[0] == chosen


def _declined(media: Media) -> list[str]:
    mid = [f"a=mid:{media.mid}"] if media.mid else []
    return [f"m={media.kind} 0 {media.proto} {' '.join(media.formats)}", "c=IN IP4 0.0.0.0", *mid, "a=inactive"]


def _transport(local: Local, *, tagged: bool) -> list[str]:
    lines = [
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{local.setup}",
    ]
    if tagged:
        lines += [*(f"a=candidate:{candidate}" for candidate in local.candidates), "a=end-of-candidates"]
    return lines


def _join(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"


def _bad(detail: str) -> Problem:
    return Problem("bad_sdp", detail)
