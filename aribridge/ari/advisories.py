"""Security advisories of Asterisk that matter to who exposes it, by release.

From https://github.com/asterisk/asterisk/security/advisories and the CVE records; certified releases count otherwise
and are not judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from aribridge.ari.versions import Version, at_least


@dataclass(frozen=True, slots=True)
class Advisory:
    """One weakness: the first release that is mended, and the first that had it, for each branch; none: all had it."""

    id: str
    about: str
    mended: tuple[Version, ...]
    since: tuple[Version, ...] = ((0,),)

    def concerns(self, version: Version) -> bool:
        """Whether an Asterisk of this version has it."""
        return at_least(version, self.since) and not at_least(version, self.mended)

    def mended_for(self, version: Version) -> Version:
        """The release to go to, in its own branch where there is one; of a version that it concerns."""
        own = [release for release in self.mended if release[0] == version[0]]
        later = [release for release in self.mended if release > version]
        return (own or later)[0]


_REST_OVER_WEBSOCKET = Advisory(
    "GHSA-wcvv-g26m-wx5c",
    "an ARI user that may only read can write, through REST over WebSocket",
    ((20, 20, 1), (22, 10, 1), (23, 4, 1)),
    since=((20, 14), (21, 9), (22, 4)),
)

KNOWN = (
    _REST_OVER_WEBSOCKET,
    Advisory(
        "GHSA-vrfp-mg3q-3959",
        "a variable that is set through ARI can run dialplan functions for the shell and for files",
        ((20, 20, 1), (22, 10, 1), (23, 4, 1)),
    ),
    Advisory(
        "CVE-2026-23738",
        "the page /httpstatus of Asterisk's HTTP server gives back what a link put into it",
        ((20, 18, 2), (21, 12, 1), (22, 8, 2), (23, 2, 2)),
    ),
    Advisory(
        "GHSA-64qc-9x89-rx5j",
        "a malformed Authorization header in a SIP request ends Asterisk",
        ((20, 15, 2), (21, 10, 2), (22, 5, 2)),
    ),
    Advisory(
        "GHSA-2grh-7mhv-fcfw",
        "a SIP MESSAGE may name another sender than the user who authenticated",
        ((18, 26, 2), (20, 14, 1), (21, 9, 1), (22, 4, 1)),
    ),
    Advisory(
        "GHSA-c4cg-9275-6w44",
        "an AMI user with write=originate can change configuration files",
        ((18, 24, 2), (20, 9, 2), (21, 4, 2)),
    ),
)


def advisories(version: Version) -> list[Advisory]:
    """What is known against an Asterisk of this version, such as ``(22, 10, 1)``."""
    return [advisory for advisory in KNOWN if advisory.concerns(version)]


def can_lane(version: Version) -> bool:
    """Whether an Asterisk of this version takes requests by WebSocket, and as safely as by HTTP."""
    return bool(version) and at_least(version, _REST_OVER_WEBSOCKET.mended)
