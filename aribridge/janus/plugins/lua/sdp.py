"""Session descriptions as scripts of Janus see them: without what the transport is made of.

Such a script answers an offer line by line. What it is given, and what it gives back, says nothing of ICE and DTLS;
that part is the gateway's (https://janus.conf.meetecho.com/docs/plugin_8h.html, handle_message).
"""

from __future__ import annotations

import re

_TRANSPORT = re.compile(
    r"a=(?:ice-(?:ufrag|pwd|options|lite)|fingerprint|setup|candidate|end-of-candidates|rtcp(?:-mux|-rsize)?|crypto"
    r"|ssrc(?:-group)?|msid(?:-semantic)?|group|bundle-only)(?::|$)"
)
_DATA = re.compile(r"^m=application [1-9]", re.MULTILINE)


def without_transport(sdp: str) -> str:
    """The description without ICE, DTLS, RTCP multiplexing, bundling and SSRCs; lines end with CRLF."""
    return "".join(f"{line}\r\n" for line in sdp.splitlines() if line and not _TRANSPORT.match(line))


def has_data(sdp: str) -> bool:
    """Whether data channels are offered, or accepted."""
    return _DATA.search(sdp) is not None
