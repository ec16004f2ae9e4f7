"""Bridges, in which channels talk to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aribridge.script.testing.simulated.media import Media
from aribridge.script.testing.simulated.world import Channel, World, missing


@dataclass(slots=True)
class _Bridge:
    id: str
    target: str
    kind: str
    members: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "bridge_type": self.kind, "technology": "simple_bridge", "channels": list(self.members)}


class Bridges:
    """The bridges by their ids."""

    def __init__(self, world: World, media: Media) -> None:
        self._world = world
        self._media = media
        self._bridges: dict[str, _Bridge] = {}
        world.at_end.append(self._take_out)
        self.operations = {
            "bridges.list": lambda _, __: [bridge.to_json() for bridge in self._bridges.values()],
            "bridges.get": lambda _, params: self._bridge(params).to_json(),
            "bridges.create": self._create,
            "bridges.createWithId": self._create,
            "bridges.addChannel": self._add,
            "bridges.removeChannel": self._remove,
            "bridges.destroy": self._destroy,
            "bridges.startMoh": lambda _, params: self._bridge(params) and None,
            "bridges.stopMoh": lambda _, params: self._bridge(params) and None,
        }

    def together_with(self, channel: str) -> list[str]:
        """The ids of the channels that talk to this one."""
        lists = [bridge.members for bridge in self._bridges.values() if channel in bridge.members]
        return [member for members in lists for member in members if member != channel]

    def _bridge(self, params: Mapping[str, Any]) -> _Bridge:
        found = self._bridges.get(str(params.get("bridgeId")))
        if found is None:
            raise missing("Bridge")
        return found

    def _create(self, target: str, params: Mapping[str, Any]) -> dict[str, Any]:
        ident = str(params.get("bridgeId") or self._world.fresh_id())
        bridge = self._bridges[ident] = _Bridge(ident, target, str(params.get("type") or "mixing"))
        return bridge.to_json()

    def _add(self, _: str, params: Mapping[str, Any]) -> None:
        bridge = self._bridge(params)
        for channel in [self._world.channel(ident) for ident in _listed(params)]:
            self._take_out(channel)
            bridge.members.append(channel.id)
            self._world.tell_of(channel, "ChannelEnteredBridge", bridge=bridge.to_json())

    def _remove(self, _: str, params: Mapping[str, Any]) -> None:
        self._bridge(params)
        for ident in _listed(params):
            self._take_out(self._world.channel(ident))

    def _destroy(self, _: str, params: Mapping[str, Any]) -> None:
        bridge = self._bridge(params)
        for ident in list(bridge.members):
            self._take_out(self._world.channel(ident))
        self._media.end(bridge.id)
        del self._bridges[bridge.id]

    def _take_out(self, channel: Channel) -> None:
        for bridge in self._bridges.values():
            if channel.id in bridge.members:
                bridge.members.remove(channel.id)
                self._world.tell_of(channel, "ChannelLeftBridge", bridge=bridge.to_json())


def _listed(params: Mapping[str, Any]) -> list[str]:
    channels = params.get("channel") or []
    return channels.split(",") if isinstance(channels, str) else [str(channel) for channel in channels]
