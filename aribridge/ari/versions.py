"""What an Asterisk can do by its version."""

from __future__ import annotations

import re

Version = tuple[int, ...]

DIALS_SINCE: tuple[Version, ...] = ((20, 15), (21, 10), (22, 5))
"""The first releases with outbound WebSockets, one for each branch."""

_RELEASE = re.compile(r"\d+(\.\d+)+")


def can_dial(version: Version) -> bool:
    """Whether an Asterisk of that version can open event sockets itself."""
    return at_least(version, DIALS_SINCE)


def at_least(version: Version, firsts: tuple[Version, ...]) -> bool:
    """Whether a version is the first of its branch that has something, or after it.

    Branches that are not named have it when they are newer than all that are.
    """
    since = {first[0]: first for first in firsts}
    return version >= since.get(version[0], firsts[-1])


def release(text: str) -> str:
    """The release in what Asterisk calls itself: ``16.28.0`` of ``16.28.0~dfsg-0+deb11u4``; the text if none is in."""
    found = _RELEASE.search(text)
    return found[0] if found else text


def as_numbers(version: str) -> Version:
    """Numbers of a version such as ``22.10.1``; empty where it has none."""
    numbers = version.split(".")
    return tuple(map(int, numbers)) if all(number.isdigit() for number in numbers) else ()
