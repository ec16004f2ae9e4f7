"""A model of what an Asterisk tells: objects that change, and events that keep order within one object only."""

import copy
import itertools


class ModelPbx:
    """`objects` is the truth; `topics` are the events on their way, for each object in the order of its changes."""

    def __init__(self):
        self.objects = {kind: {} for kind in ("channels", "bridges", "endpoints", "playbacks", "recordings")}
        self.topics = {}
        self._ids = itertools.count(1)

    # --- what happens

    def create_channel(self, ident=None):
        ident = ident or f"c{next(self._ids)}"
        channel = {"id": ident, "state": "Down", "caller": {"name": "", "number": ""}, "dialplan": {"priority": 1}}
        self._change("channels", ident, channel, "ChannelCreated", "channel")

    def change_channel(self, ident, **fields):
        kind = "ChannelStateChange" if "state" in fields else "ChannelCallerId"
        self._change("channels", ident, self.objects["channels"][ident] | fields, kind, "channel")

    def start_stasis(self, ident):
        """Told by the application's own thread, in no order with the channel's events."""
        event = {"type": "StasisStart", "args": [], "channel": self.objects["channels"][ident]}
        self._publish(("stasis", ident), event)

    def destroy_channel(self, ident):
        for bridge, value in list(self.objects["bridges"].items()):
            if ident in value["channels"]:
                self.leave(bridge, ident)
        for kind, field, event in (
            ("playbacks", "playback", "PlaybackFinished"),
            ("recordings", "recording", "RecordingFailed"),
        ):
            for job, value in list(self.objects[kind].items()):
                if value["target_uri"] == f"channel:{ident}":
                    self._remove(kind, job, event, field)
        self._remove("channels", ident, "ChannelDestroyed", "channel")

    def create_bridge(self, ident=None):
        ident = ident or f"b{next(self._ids)}"
        self._change("bridges", ident, {"id": ident, "channels": []}, "BridgeCreated", "bridge")

    def enter(self, ident, channel):
        bridge = self.objects["bridges"][ident]
        members = sorted({*bridge["channels"], channel})
        self._move(ident, bridge | {"channels": members}, "ChannelEnteredBridge", channel)

    def leave(self, ident, channel):
        bridge = self.objects["bridges"][ident]
        members = [member for member in bridge["channels"] if member != channel]
        self._move(ident, bridge | {"channels": members}, "ChannelLeftBridge", channel)

    def destroy_bridge(self, ident):
        self._remove("bridges", ident, "BridgeDestroyed", "bridge")

    def set_endpoint(self, resource, state):
        value = {"technology": "PJSIP", "resource": resource, "state": state, "channel_ids": []}
        self._change("endpoints", f"PJSIP/{resource}", value, "EndpointStateChange", "endpoint")

    def play(self, channel):
        ident = f"p{next(self._ids)}"
        value = {"id": ident, "target_uri": f"channel:{channel}", "state": "playing"}
        self._change("playbacks", ident, value, "PlaybackStarted", "playback")

    def record(self, channel, name):
        value = {"name": name, "target_uri": f"channel:{channel}", "state": "recording"}
        self._change("recordings", name, value, "RecordingStarted", "recording")

    def stop_recording(self, name):
        self._remove("recordings", name, "RecordingFinished", "recording")

    # --- what is told

    def deliver(self, topic):
        """The next event of a topic."""
        event = self.topics[topic].pop(0)
        if not self.topics[topic]:
            del self.topics[topic]
        return event

    def read(self, question):
        """What Asterisk answers at this moment."""
        if question.id:
            value = self.objects[question.kind].get(question.id) if question.kind in self.objects else None
            return (404, None) if value is None else (200, copy.deepcopy(value))
        return 200, copy.deepcopy(list(self.objects[question.kind].values()))

    def _change(self, kind, ident, value, event, field):
        self.objects[kind][ident] = value
        self._publish((kind, ident), {"type": event, field: value})

    def _move(self, ident, bridge, event, channel):
        self.objects["bridges"][ident] = bridge
        told = {"type": event, "bridge": bridge, "channel": self.objects["channels"][channel]}
        self._publish(("bridges", ident), told)

    def _remove(self, kind, ident, event, field):
        value = self.objects[kind].pop(ident)
        self._publish((kind, ident), {"type": event, field: value})

    def _publish(self, topic, event):
        self.topics.setdefault(topic, []).append(copy.deepcopy(event))


HAPPENINGS = (
    "create", "change", "name", "stasis", "destroy", "bridge", "enter", "unbridge", "endpoint", "play", "record",
)  # fmt: skip


def happen(pbx, what, number):
    """Let something happen to one of a few objects; nothing where that cannot be."""
    channels, bridges, recordings = (pbx.objects[kind] for kind in ("channels", "bridges", "recordings"))
    channel, bridge = f"c{number % 3}", f"b{number % 2}"
    if what == "endpoint":
        pbx.set_endpoint(str(200 + number % 2), f"state {len(pbx.topics)}")
    elif what == "bridge" and bridge not in bridges:
        pbx.create_bridge(bridge)
    elif what == "unbridge" and bridge in bridges:
        pbx.destroy_bridge(bridge)
    elif what == "create" and channel not in channels:
        pbx.create_channel(channel)
    elif channel in channels:
        _happen_to_channel(pbx, what, channel, bridge if bridge in bridges else None, number, recordings)


def _happen_to_channel(pbx, what, channel, bridge, number, recordings):
    if what == "change":
        pbx.change_channel(channel, state=f"state {len(pbx.topics)} {number}")
    elif what == "name":
        pbx.change_channel(
            channel, caller=({"number": None}, {"number": "1"}, {"name": "Ann", "number": str(number)})[number % 3]
        )
    elif what == "stasis":
        pbx.start_stasis(channel)
    elif what == "destroy":
        pbx.destroy_channel(channel)
    elif what == "enter" and bridge:
        pbx.enter(bridge, channel)
    elif what == "play":
        pbx.play(channel)
    elif what == "record" and "r" in recordings:
        pbx.stop_recording("r")
    elif what == "record":
        pbx.record(channel, "r")
