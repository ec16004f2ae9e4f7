"""Which tenants a name belongs to, by the patterns of the policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from functools import lru_cache
from typing import Any

from aribridge.core.policy.document import TenantSettings

_CACHED = 8192
_PREFIXES = "_"
"""One or two before a variable's name have channels inherit it."""

Tenants = frozenset[str]
NOBODY: Tenants = frozenset()


class Names:
    """The patterns of all tenants. ``variable`` is the channel variable that names a call's tenant; empty: none."""

    def __init__(self, tenants: Mapping[str, TenantSettings], variable: str = "") -> None:
        self.divided = bool(tenants or variable)
        self.endpoint = _finder({name: one.endpoints for name, one in tenants.items()}, endpoint_glob)
        self.context = _finder({name: one.contexts for name, one in tenants.items()})
        self.mailbox = _finder({name: one.mailboxes for name, one in tenants.items()})
        self._recording = _finder({name: one.recordings for name, one in tenants.items()})
        self._device = _finder({name: one.devices for name, one in tenants.items()})
        self._variable = variable

    def recording(self, name: str) -> Tenants:
        """The tenants of a recording; nobody's when Asterisk would look for it elsewhere than its name says."""
        return self._recording(name) if is_plain_path(name) else NOBODY

    def device(self, name: str) -> Tenants:
        """The tenants of a device: a phone's is called as the endpoint is."""
        return self._device(name) | self.endpoint(name)

    def names_tenant(self, variable: str) -> bool:
        """Whether this channel variable decides whose a call is."""
        return bool(self._variable) and variable.lstrip(_PREFIXES).upper() == self._variable.upper()

    def channel(self, value: Mapping[str, Any], before: Tenants) -> Tenants:
        """The tenants of a channel by its phone, else what it says itself, else its context; else as before."""
        if not self.divided:
            return NOBODY
        return self.endpoint(endpoint_of(value)) or self._said(value) or self._of_context(value) or before

    def _said(self, value: Mapping[str, Any]) -> Tenants:
        said = value.get("channelvars")
        named = said.get(self._variable) if isinstance(said, dict) and self._variable else None
        named = named or value.get("tenantid")
        return frozenset((named,)) if isinstance(named, str) and named else NOBODY

    def _of_context(self, value: Mapping[str, Any]) -> Tenants:
        dialplan = value.get("dialplan")
        context = dialplan.get("context") if isinstance(dialplan, dict) else None
        return self.context(context) if isinstance(context, str) else NOBODY


def endpoint_of(value: Mapping[str, Any]) -> str:
    """The endpoint behind a channel: its name without the part that Asterisk adds, ``PJSIP/200-0000002a``."""
    name = value.get("name")
    return name.rpartition("-")[0] if isinstance(name, str) else ""


def is_plain_path(name: str) -> bool:
    """Whether a name of several parts means what it says: no part is empty or leads elsewhere."""
    return not any(part in {"", ".", ".."} for part in name.split("/"))


def endpoint_glob(glob: str) -> str:
    """A glob on endpoints as an expression: ``*`` and ``?`` stop at ``/`` and ``@``.

    In a dial string these lead on to another endpoint or address (PJSIP/user@endpoint, PJSIP/endpoint/uri).

    What follows a ``*`` is taken where it comes first, for good: a name of a client's could have the search for another
    place go on for hours.
    """
    first, *others = (_without_stars(part) for part in re.split(r"\*+", glob))
    *middle, last = others or [""]
    stars = "".join(f"(?>[^/@]*?{part})" for part in middle)
    return f"(?:{first}{stars}{'[^/@]*' if others else ''}{last})\\Z"


def _without_stars(glob: str) -> str:
    return "[^/@]".join(map(re.escape, glob.split("?")))


def matcher(globs: Iterable[str], to_expression: Callable[[str], str] = translate) -> Callable[[str], bool]:
    """A test whether a text matches one of the globs, in upper and lower case as written."""
    expressions = [to_expression(glob) for glob in globs]
    if not expressions:
        return lambda _: False
    matches = re.compile("|".join(expressions)).match
    return lambda text: matches(text) is not None


def _finder(
    globs: Mapping[str, Iterable[str]], to_expression: Callable[[str], str] = translate
) -> Callable[[str], Tenants]:
    """What finds the tenants of a name; remembered, since the same names come again and again."""
    tests = [(name, matcher(given, to_expression)) for name, given in globs.items() if given]

    @lru_cache(_CACHED)
    def find(text: str) -> Tenants:
        return frozenset(name for name, matches in tests if matches(text))

    return find if tests else lambda _: NOBODY
