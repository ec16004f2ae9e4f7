"""What Asterisk says of a Stasis application: what it subscribes to, and which events it gets.

Source: rest-api/api-docs/applications.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EVERYTHING = "__AST_"
"""What the names begin with under which Asterisk lists subscriptions to all of a kind."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an application subscribes to as a whole, and the types of events in its filter."""

    everything: frozenset[str]
    allowed: frozenset[str]
    disallowed: frozenset[str]


class Application(msgspec.Struct):
    """An application as ``GET /applications/{name}`` describes it."""

    channel_ids: list[str]
    bridge_ids: list[str]
    endpoint_ids: list[str]
    device_names: list[str]
    events_allowed: list[dict[str, Any]] = []
    events_disallowed: list[dict[str, Any]] = []

    def agreed(self) -> Agreed:
        """What stays while nobody changes it; single channels and bridges come and go."""
        names = (*self.channel_ids, *self.bridge_ids, *self.endpoint_ids, *self.device_names)
        everything = frozenset(name for name in names if name.startswith(_EVERYTHING))
        return Agreed(everything, _types(self.events_allowed), _types(self.events_disallowed))

    def single(self) -> Iterator[str]:
        """The channels, bridges and endpoints that it subscribes to one by one, as event sources."""
        kinds = {"channel": self.channel_ids, "bridge": self.bridge_ids, "endpoint": self.endpoint_ids}
        return (f"{kind}:{one}" for kind, ids in kinds.items() for one in ids if not one.startswith(_EVERYTHING))


def read(body: bytes | None) -> Application:
    """Raises msgspec.MsgspecError for what is no description of an application."""
    return msgspec.json.decode(body or b"", type=Application)


def _types(events: Iterable[dict[str, Any]]) -> frozenset[str]:
    return frozenset(str(event.get("type")) for event in events)
