"""The phones of a test: what they do, and what became of them, as far as commands, events and the log tell."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

from aribridge.script.calls import Operation
from aribridge.script.errors import CallFailure
from aribridge.script.testing.asterisks import TARGET, AnsweringAsterisks

_PLAYS = frozenset({"channels.play", "channels.playWithId"})
_DIALS = frozenset({"channels.originate", "channels.originateWithId", "channels.create"})
_PLACE = {"context": "context", "extension": "exten", "priority": "priority", "label": "label"}


class Phones:
    """``asterisks`` has what the script sent so far, ``logs`` what the gateway logged, as structlog's entries."""

    def __init__(self, asterisks: AnsweringAsterisks, logs: Sequence[MutableMapping[str, Any]]) -> None:
        self._asterisks = asterisks
        self._sent = asterisks.sent
        self._logs = logs
        self._gone: dict[str, str] = {}
        self._placed: dict[str, str] = {}
        self._arrived: set[str] = set()
        self._heard: dict[str, int] = {}
        self._dialled = 0
        self.operations: dict[str, Operation] = {
            "t.call": self._call,
            "t.dialled": self._take_dialled,
            "t.press": self._does("press"),
            "t.hangup": self._does("hang_up"),
            "t.answer": self._does("answer"),
            "t.refuse": self._does("refuse"),
            "t.heard": self._take_heard,
            "t.ended": self._ended,
            "t.state": self._state,
            "t.talks_to": self._does("talks_to"),
            "t.variable": self._variable,
        }

    def event(self, _target: str, event: Mapping[str, Any]) -> None:
        """Take note of what Asterisk tells."""
        match event:
            case {"type": "ChannelDestroyed", "channel": {"id": str(ident)}}:
                self._gone[ident] = str(event.get("cause_txt", ""))
            case {"type": "StasisStart", "channel": {"id": str(ident)}}:
                self._arrived.add(ident)

    def astray(self) -> list[str]:
        """What is to be said of calls that never came to the script: such a test would pass without it."""
        return [
            f"the call to {place} never came to the script: the dialplan sends it to no application, or to another one"
            for ident, place in self._placed.items()
            if ident not in self._arrived
        ]

    def _does(self, verb: str) -> Operation:
        """What the Asterisk that is behind at the time does with a phone."""

        async def do(*arguments: Any) -> Any:
            return await getattr(self._asterisks.behind, verb)(*arguments)

        return do

    async def _call(self, about: Mapping[str, Any]) -> dict[str, Any]:
        ident = await self._asterisks.behind.place(about.get("target") or TARGET, about)
        self._placed[ident] = f"{about.get('exten') or 's'}@{about.get('context') or 'default'}"
        return {"id": ident}

    async def _take_dialled(self) -> list[dict[str, Any]]:
        fresh, self._dialled = self._sent[self._dialled :], len(self._sent)
        return [await self._phone(params) for op, params in fresh if op in _DIALS]

    async def _phone(self, made: Mapping[str, Any]) -> dict[str, Any]:
        """A phone that a script dials, as a test gets it; of one that is created first, dialling it tells more."""
        ident = made.get("channelId")
        about = {"id": ident, "endpoint": made.get("endpoint"), "caller_id": made.get("callerId")}
        about |= {"timeout": made.get("timeout"), "variables": made.get("variables")}
        for op, params in [(op, params) for op, params in self._sent if params.get("channelId") == ident]:
            if op == "channels.dial":
                line = about["caller_id"] or await self._line(params.get("caller"))
                about |= {"timeout": params.get("timeout"), "caller_id": line}
            elif op == "channels.setChannelVar" and str(params.get("variable")).startswith("CONNECTEDLINE("):
                about["caller_id"] = params.get("value")
        return _known(about)

    async def _line(self, caller: str | None) -> str | None:
        """Whose call it is, as the phone shows it."""
        channel = None
        if caller is not None:
            with suppress(CallFailure):  # a recording knows no phones
                channel = await self._asterisks.behind.state(caller)
        return None if channel is None else f'"{channel["caller"]["name"]}" <{channel["caller"]["number"]}>'

    async def _take_heard(self, ident: str) -> list[str]:
        fresh, self._heard[ident] = self._sent[self._heard.get(ident, 0) :], len(self._sent)
        played = [params["media"] for op, params in fresh if op in _PLAYS and params.get("channelId") == ident]
        return [uri for media in played for uri in ([media] if isinstance(media, str) else media)]

    async def _state(self, ident: str) -> str | None:
        channel = await self._asterisks.behind.state(ident)
        return None if channel is None else str(channel["state"])

    async def _variable(self, ident: str, name: str) -> str | None:
        """The value that the script set last."""
        for op, params in reversed(self._sent):
            if op == "channels.setChannelVar" and (params.get("channelId"), params.get("variable")) == (ident, name):
                return str(params.get("value", ""))
        return None

    async def _ended(self, ident: str) -> dict[str, Any] | None:
        """How the call left the script, as ``flow.ended`` of the log says it, and where it went."""
        said = self._logged("flow.ended", ident)
        if said is None:
            return await self._ended_without_flow(ident)
        ended = {"outcome": said["outcome"], "where": said["where"], "by": said["hung_up_by"] or None}
        return _known({**ended, **self._last_words(ident), "result": await self._variable(ident, "ARIBRIDGE_RESULT")})

    async def _ended_without_flow(self, ident: str) -> dict[str, Any] | None:
        if self._logged("flow.unhandled", ident):
            return {"outcome": "unhandled", "result": "unhandled"}
        return {"outcome": "hung up"} if ident in self._gone and not self._logged("flow.started", ident) else None

    def _logged(self, event: str, ident: str) -> MutableMapping[str, Any] | None:
        entries = (entry for entry in self._logs if entry["event"] == event and entry.get("channel") == ident)
        return next(entries, None)

    def _last_words(self, ident: str) -> dict[str, Any]:
        """Where the script sent the call on to, or why it hung up."""
        for op, params in reversed(self._sent):
            if params.get("channelId") != ident:
                continue
            if op == "channels.continueInDialplan":
                return {ours: params.get(theirs) for theirs, ours in _PLACE.items()}
            if op == "channels.hangup":
                return {"cause": params.get("reason") or params.get("reason_code")}
        return {}


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
