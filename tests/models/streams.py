"""Clients of a stream as the protocol wants them: they check every ``prev`` and apply every patch."""

import json

from aribridge.core.events import StreamEvent, labels_of
from aribridge.protocol.messages import Position, Subscribe


def merged(target, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merged(target.get(key), value)
    return target


def stream_event(event):
    return StreamEvent(json.dumps(event), labels_of(event))


class RoomySink:
    """Has room for ``most`` frames; ``frames`` are those that the client did not read yet."""

    def __init__(self, most=10**9):
        self.most, self.frames, self.given_up = most, [], False

    @property
    def room(self):
        return len(self.frames) < self.most

    def put(self, frame):
        assert self.room, "put without room"
        self.frames.append(frame)

    def wake(self):
        pass

    def give_up(self):
        self.given_up = True


class Follower:
    """What a client makes of one subscription's messages. ``got``: events with their positions; ``holes``: gaps."""

    def __init__(self):
        self.got, self.holes, self.reasons = [], [], []
        self.position = self.state = self.page = None
        self.waits = False

    def begin(self, reply):
        """Take the body of the reply to a subscribe."""
        self.position = {"epoch": reply["epoch"], "seq": reply["seq"]}
        self.page = 1 if reply["mode"] == "snapshot" else None

    def take(self, message):
        getattr(self, f"take_{message['type']}")(message)

    def take_gap(self, message):
        self.holes.append((message["was"], message["now"]))
        self.reasons.append(message["reason"])
        self.position = message["now"]
        self.waits = message["next"] == "wait"
        self.page = 1 if message["next"] == "snapshot" else None

    def follow(self, message):
        assert not self.page, "an event or patch in the middle of a snapshot"
        assert message["epoch"] == self.position["epoch"]
        assert message["prev"] == self.position["seq"]
        assert message["seq"] > message["prev"]
        self.position = {"epoch": message["epoch"], "seq": message["seq"]}

    def take_event(self, message):
        self.follow(message)
        self.got.append((message["epoch"], message["seq"], message["data"]))

    def take_snapshot(self, message):
        assert message["part"] == self.page
        if message["part"] == 1:
            self.state = {kind: {} for kind in message["state"]}
        for kind, objects in message["state"].items():
            assert not self.state[kind].keys() & objects.keys()
            self.state[kind].update(objects)
        self.page = None if message["last"] else self.page + 1
        self.position = {"epoch": message["epoch"], "seq": message["seq"]}

    def take_patch(self, message):
        self.follow(message)
        for change in message["changes"]:
            objects = self.state[change["kind"]]
            if "put" in change:
                objects[change["id"]] = change["put"]
            elif "merge" in change:
                objects[change["id"]] = merged(objects[change["id"]], change["merge"])
            else:
                assert change["remove"] is True
                del objects[change["id"]]


class StreamClient(Follower):
    """One subscription to a stream, over several connections."""

    def __init__(self, stream, *, mode="events", most_frames=10**9, frame=65536, **wish):
        super().__init__()
        self.stream, self.mode, self.wish, self.frame = stream, mode, wish, frame
        self.most_frames = most_frames
        self.view = None
        self.connect()

    def connect(self, since=None):
        self.sink = RoomySink(self.most_frames)
        wish = Subscribe(id=1, sub=1, mode=self.mode, since=since and Position(**since), **self.wish)
        self.view, reply = self.stream.subscribe(wish, self.sink, self.frame)
        self.reply = reply
        self.begin(reply)
        assert since is None or self.position == since
        self.waits = not self.stream.is_open

    def disconnect(self):
        if self.view is not None:
            self.stream.unsubscribe(self.view)
            self.view = None

    def resume(self):
        """Come back; whoever was in the middle of a snapshot has nothing that patches could follow on."""
        self.disconnect()
        self.connect(None if self.page else self.position)

    def fill(self):
        while self.view and self.sink.room and not self.sink.given_up:
            frame = self.view.next()
            if frame is None and not self.view.behind:
                break
            if frame is not None:
                self.sink.put(frame)

    def read(self, most=10**9):
        """Take frames, and let more come as there is room."""
        self.fill()
        while most and self.view and self.sink.frames:
            self.take(json.loads(self.sink.frames.pop(0)))
            most -= 1
            self.fill()

    def ping(self):
        position = self.view and self.view.bring_up()
        if position:
            self.read_put()
            assert not self.page
            self.position = position

    def read_put(self):
        """A ping comes behind what was put before it."""
        while self.sink.frames:
            self.take(json.loads(self.sink.frames.pop(0)))
