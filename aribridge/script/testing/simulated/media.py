"""Playbacks and recordings. Each medium takes a second; callers say nothing, so that silence ends recordings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aribridge.protocol.problems import Problem
from aribridge.script.testing.simulated.world import Channel, World, missing

SECONDS = 1.0
"""What one medium takes; a tone goes on until it is stopped."""


@dataclass(slots=True)
class _Running:
    """A playback or a recording: what ARI says of it, whose it is, when it ends by itself."""

    target: str
    about: dict[str, Any]
    owner: str
    timer: asyncio.TimerHandle | None = None
    stops_at: str = ""


class Media:
    """What is played to channels and bridges, and recorded of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._playbacks: dict[str, _Running] = {}
        self._recordings: dict[str, _Running] = {}
        world.at_end.append(self._gone)
        self.operations = {
            "channels.play": self._play,
            "channels.playWithId": self._play,
            "channels.record": self._record,
            "bridges.play": self._play,
            "bridges.playWithId": self._play,
            "bridges.record": self._record,
            "playbacks.get": lambda _, params: self._playback(params).about,
            "playbacks.stop": lambda _, params: self._end_playback(self._playback(params), "done"),
            "playbacks.control": lambda _, params: self._playback(params) and None,
            "recordings.getLive": lambda _, params: self._recording(params).about,
            "recordings.stop": lambda _, params: self._end_recording(self._recording(params)),
            "recordings.cancel": lambda _, params: self._end_recording(self._recording(params)),
        }

    def pressed(self, channel: Channel, digit: str) -> None:
        """A digit ends the recordings that it ends."""
        for recording in list(self._recordings.values()):
            if recording.owner == channel.id and (recording.stops_at == "any" or digit in recording.stops_at):
                self._end_recording(recording)

    def end(self, owner: str) -> None:
        """The channel or bridge is going: all that is played to it or recorded of it ends."""
        for playback in [it for it in self._playbacks.values() if it.owner == owner]:
            self._end_playback(playback, "failed")
        for recording in [it for it in self._recordings.values() if it.owner == owner]:
            self._end_recording(recording)

    def _gone(self, channel: Channel) -> None:
        self.end(channel.id)

    def _play(self, target: str, params: Mapping[str, Any]) -> dict[str, Any]:
        media = params.get("media") or []
        media = [media] if isinstance(media, str) else list(media)
        owner, uri = self._owner(params)
        ident = str(params.get("playbackId") or self._world.fresh_id())
        language = params.get("lang") or "en"
        about = {"id": ident, "media_uri": media[0], "target_uri": uri, "language": language, "state": "playing"}
        playback = self._playbacks[ident] = _Running(target, about, owner)
        if not any(item.startswith("tone:") for item in media):
            playback.timer = self._world.later(SECONDS * len(media), self._end_playback, playback, "done")
        self._world.tell(target, "PlaybackStarted", {"playback": dict(about)})
        return dict(about)

    def _end_playback(self, playback: _Running, state: str) -> None:
        if playback.timer is not None:
            playback.timer.cancel()
        if self._playbacks.pop(playback.about["id"], None):
            self._world.tell(playback.target, "PlaybackFinished", {"playback": {**playback.about, "state": state}})

    def _record(self, target: str, params: Mapping[str, Any]) -> dict[str, Any]:
        name = str(params.get("name"))
        if name in self._recordings:
            raise Problem("asterisk_error", "Recording name in use", status=409, source="asterisk")
        owner, uri = self._owner(params)
        about = {"name": name, "format": str(params.get("format")), "target_uri": uri, "state": "recording"}
        recording = self._recordings[name] = _Running(target, about, owner, stops_at=_terminators(params))
        limits = [float(params.get(key) or 0) for key in ("maxDurationSeconds", "maxSilenceSeconds")]
        if any(limits):
            longest = min(limit for limit in limits if limit)
            recording.timer = self._world.later(longest, self._end_recording, recording)
        self._world.tell(target, "RecordingStarted", {"recording": dict(about)})
        return dict(about)

    def _end_recording(self, recording: _Running) -> None:
        if recording.timer is not None:
            recording.timer.cancel()
        if self._recordings.pop(recording.about["name"], None):
            done = {**recording.about, "state": "done"}
            self._world.tell(recording.target, "RecordingFinished", {"recording": done})

    def _owner(self, params: Mapping[str, Any]) -> tuple[str, str]:
        if "bridgeId" in params:
            return str(params["bridgeId"]), f"bridge:{params['bridgeId']}"
        channel = self._world.channel(params.get("channelId"))
        return channel.id, f"channel:{channel.id}"

    def _playback(self, params: Mapping[str, Any]) -> _Running:
        found = self._playbacks.get(str(params.get("playbackId")))
        if found is None:
            raise missing("Playback")
        return found

    def _recording(self, params: Mapping[str, Any]) -> _Running:
        found = self._recordings.get(str(params.get("recordingName")))
        if found is None:
            raise missing("Recording")
        return found


def _terminators(params: Mapping[str, Any]) -> str:
    given = str(params.get("terminateOn") or "none")
    return "" if given == "none" else given
