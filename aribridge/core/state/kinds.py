"""The kinds of objects that the call state holds, named as ARI's resources are, and how ARI reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: the ``field`` that holds it in events, its ``key`` there, the operations that read it.

    ``listing`` is empty where ARI has no list of all: only known ids can be read again.
    """

    name: str
    field: str
    key: str
    listing: str
    reading: str
    parameter: str

    def id_of(self, value: Any) -> str | None:
        """The id of an object of this kind, None for what is none."""
        ident = value.get(self.key) if isinstance(value, dict) else None
        return ident if isinstance(ident, str) and ident else None

    def reference(self, ident: str) -> dict[str, str]:
        """The least that stands for the object with this id."""
        return {self.key: ident}

    def parameters(self, ident: str) -> dict[str, str]:
        """The parameters that read the object with this id."""
        return {self.parameter: ident}


class _Endpoints(Kind):
    """Endpoints have no id of their own: TECH/resource stands for it."""

    __slots__ = ()

    def id_of(self, value: Any) -> str | None:
        if not isinstance(value, dict):
            return None
        tech, resource = value.get("technology"), value.get("resource")
        return f"{tech}/{resource}" if isinstance(tech, str) and isinstance(resource, str) else None

    def reference(self, ident: str) -> dict[str, str]:
        tech, _, resource = ident.partition("/")
        return {"technology": tech, "resource": resource}

    def parameters(self, ident: str) -> dict[str, str]:
        tech, _, resource = ident.partition("/")
        return {"tech": tech, "resource": resource}


KINDS = {
    kind.name: kind
    for kind in (
        Kind("channels", "channel", "id", "channels.list", "channels.get", "channelId"),
        Kind("bridges", "bridge", "id", "bridges.list", "bridges.get", "bridgeId"),
        _Endpoints("endpoints", "endpoint", "", "endpoints.list", "endpoints.get", ""),
        Kind("deviceStates", "device_state", "name", "", "deviceStates.get", "deviceName"),
        Kind("playbacks", "playback", "id", "", "playbacks.get", "playbackId"),
        Kind("recordings", "recording", "name", "", "recordings.getLive", "recordingName"),
    )
}
