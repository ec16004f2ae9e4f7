"""What an Asterisk can do by its version."""

from __future__ import annotations

DIALS_SINCE = ((20, 15), (21, 10), (22, 5))
"""The first releases with outbound WebSockets, one for each branch."""


def can_dial(version: tuple[int, ...]) -> bool:
    """Whether an Asterisk of that version can open event sockets itself."""
    since = {first[0]: first for first in DIALS_SINCE}
    return version >= since.get(version[0], DIALS_SINCE[-1])


def as_numbers(version: str) -> tuple[int, ...]:
    """Numbers of a version such as ``22.10.1``; empty where it has none."""
    numbers = version.split(".")
    return tuple(map(int, numbers)) if all(number.isdigit() for number in numbers) else ()
