"""Which events say what about which objects.

Many events carry a channel or a bridge, but only some are told in the order in which that object changed: those that
Asterisk makes of the object's own snapshots. The others may carry a snapshot that was overtaken (Asterisk orders events
within one topic only), so an object that is known is never changed by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from aribridge.core.state.kinds import KINDS


class Act(Enum):
    """What becomes of the object."""

    CREATE = "it exists, even if it was gone"
    UPDATE = "it exists and is like this, unless it is gone"
    LEARN = "it exists, unless it is gone; like this, if it was not known"
    REMOVE = "it is gone"


class Touch(msgspec.Struct, frozen=True, gc=False):
    """What one event says about one object."""

    kind: str
    id: str
    act: Act
    value: Mapping[str, Any]


_Rules = Mapping[str, tuple[tuple[str, str, Act], ...]]

_EVERYTHING: _Rules = {
    "ChannelCreated": (("channels", "channel", Act.CREATE),),
    "ChannelStateChange": (("channels", "channel", Act.UPDATE),),
    "ChannelDialplan": (("channels", "channel", Act.UPDATE),),
    "ChannelCallerId": (("channels", "channel", Act.UPDATE),),
    "ChannelConnectedLine": (("channels", "channel", Act.UPDATE),),
    "StasisStart": (("channels", "channel", Act.LEARN),),
    "ChannelDestroyed": (("channels", "channel", Act.REMOVE),),
    "BridgeCreated": (("bridges", "bridge", Act.CREATE),),
    "ChannelEnteredBridge": (("bridges", "bridge", Act.UPDATE),),
    "ChannelLeftBridge": (("bridges", "bridge", Act.UPDATE),),
    "BridgeMerged": (("bridges", "bridge", Act.UPDATE), ("bridges", "bridge_from", Act.UPDATE)),
    "BridgeVideoSourceChanged": (("bridges", "bridge", Act.UPDATE),),
    "BridgeDestroyed": (("bridges", "bridge", Act.REMOVE),),
    "EndpointStateChange": (("endpoints", "endpoint", Act.CREATE),),
    "DeviceStateChanged": (("deviceStates", "device_state", Act.CREATE),),
    "PlaybackStarted": (("playbacks", "playback", Act.CREATE),),
    "PlaybackContinuing": (("playbacks", "playback", Act.UPDATE),),
    "PlaybackFinished": (("playbacks", "playback", Act.REMOVE),),
    "RecordingStarted": (("recordings", "recording", Act.CREATE),),
    "RecordingFinished": (("recordings", "recording", Act.REMOVE),),
    "RecordingFailed": (("recordings", "recording", Act.REMOVE),),
}

_APPLICATION: _Rules = {
    **_EVERYTHING,
    # An application hears of a channel from StasisStart on, and after StasisEnd no more.
    "StasisStart": (("channels", "channel", Act.CREATE),),
    "StasisEnd": (("channels", "channel", Act.REMOVE),),
}

NEEDED = frozenset(_APPLICATION)
"""The types of events that the state of calls is kept by."""


def touches(event: Mapping[str, Any], *, everything: bool) -> list[Touch]:
    """Read off what an event says of objects; ``everything``: the events of all objects come, not only the app's."""
    rules = _EVERYTHING if everything else _APPLICATION
    found = []
    for kind, field, act in rules.get(str(event.get("type")), ()):
        value = event.get(field)
        ident = KINDS[kind].id_of(value)
        if ident is not None and isinstance(value, dict):
            found.append(Touch(kind, ident, act, value))
    return found
