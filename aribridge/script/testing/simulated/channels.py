"""Operations on channels, and the phones at their other ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aribridge.protocol.problems import Problem
from aribridge.script.testing.simulated.world import APP, NORMAL, Channel, World, missing

CAUSES = {"busy": 17, "noanswer": 19, "congestion": 34, "unavailable": 20}
"""Of Q.850, by how a phone does not answer."""
_DIAL_STATUS = {"busy": "BUSY", "noanswer": "NOANSWER", "congestion": "CONGESTION", "unavailable": "CHANUNAVAIL"}
_TEXTS = {16: "Normal Clearing", 17: "User busy", 19: "User alerting, no answer", 20: "Subscriber absent"}
_RINGING_SECONDS = 30.0
_HEARD = ("ring", "ringStop", "hold", "unhold", "mute", "unmute", "startMoh", "stopMoh", "startSilence", "stopSilence")
"""What a phone hears, and this Asterisk need not remember."""


class Channels:
    """The channels of callers, and of phones that scripts dial."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.operations = {
            "channels.list": lambda _, __: [channel.to_json() for channel in world.channels.values()],
            "channels.get": lambda _, params: self._of(params).to_json(),
            "channels.answer": lambda _, params: world.set_state(self._of(params), "Up"),
            "channels.hangup": self._hang_up,
            "channels.continueInDialplan": lambda _, params: world.leave(self._of(params)),
            "channels.redirect": lambda _, params: world.destroy(self._of(params), NORMAL, _TEXTS[NORMAL]),
            "channels.getChannelVar": self._get,
            "channels.setChannelVar": self._set,
            "channels.sendDTMF": lambda _, params: self._of(params) and None,
            "channels.originate": self._originate,
            "channels.originateWithId": self._originate,
            "channels.create": self._create,
            "channels.dial": self._dial,
            "channels.snoopChannel": self._snoop,
            "channels.snoopChannelWithId": self._snoop,
            **{f"channels.{name}": lambda _, params: self._of(params) and None for name in _HEARD},
        }

    # --- what phones do

    def call(self, target: str, about: Mapping[str, Any]) -> Channel:
        """A phone calls, and the dialplan sends it to the gateway."""
        caller = {"name": "", "number": "", **(about.get("caller") or {})}
        ident = self._world.fresh_id()
        channel = Channel(ident, target, f"PJSIP/{caller['number'] or 'caller'}-{ident}", "Ring", caller)
        channel.created = self._world.now()
        channel.exten, channel.context = about.get("exten") or "s", about.get("context") or "default"
        channel.language = about.get("language") or "en"
        channel.args = [str(item) for item in about.get("args") or ()]
        channel.variables = {name: str(value) for name, value in (about.get("variables") or {}).items()}
        self._world.channels[ident] = channel
        self._world.enter(channel)
        return channel

    def press(self, channel: Channel, digit: str) -> None:
        """A key is pressed, for a tenth of a second."""
        self._world.tell_of(channel, "ChannelDtmfReceived", digit=digit, duration_ms=100)

    def hang_up(self, channel: Channel) -> None:
        """A phone hangs up."""
        self._world.tell_of(channel, "ChannelHangupRequest", cause=NORMAL)
        self._world.destroy(channel, NORMAL, _TEXTS[NORMAL])

    def answer(self, channel: Channel) -> None:
        """A phone that rings is answered."""
        if channel.ringing is not None:
            channel.ringing.cancel()
        self._tell_dial(channel, "ANSWER")
        self._world.set_state(channel, "Up")
        if not channel.in_app:
            self._world.enter(channel)

    def refuse(self, channel: Channel, how: str) -> None:
        """A phone that rings will not be answered."""
        self._tell_dial(channel, _DIAL_STATUS[how])
        self._world.destroy(channel, CAUSES[how], _TEXTS.get(CAUSES[how], "Unknown"))

    # --- what the gateway asks for

    def _of(self, params: Mapping[str, Any]) -> Channel:
        return self._world.channel(params.get("channelId"))

    def _hang_up(self, _: str, params: Mapping[str, Any]) -> None:
        cause = CAUSES.get(str(params.get("reason")), int(params.get("reason_code") or NORMAL))
        self._world.destroy(self._of(params), cause, _TEXTS.get(cause, "Unknown"))

    def _get(self, _: str, params: Mapping[str, Any]) -> dict[str, str]:
        channel, name = self._of(params), str(params.get("variable"))
        functions = {"CALLERID(num)": channel.caller["number"], "CALLERID(name)": channel.caller["name"]}
        value = channel.variables.get(name, functions.get(name))
        if value is None:
            raise missing("Provided variable was")
        return {"value": value}

    def _set(self, _: str, params: Mapping[str, Any]) -> None:
        channel, name, value = self._of(params), str(params.get("variable")), str(params.get("value") or "")
        if name.startswith("CONNECTEDLINE("):
            channel.connected = {"name": "", "number": value}
        else:
            channel.variables[name] = value

    def _originate(self, target: str, params: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._made(target, params, "Ringing")
        self._ring(channel, params)
        return channel.to_json()

    def _create(self, target: str, params: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._made(target, params, "Down")
        self._world.enter(channel)
        return channel.to_json()

    def _dial(self, _: str, params: Mapping[str, Any]) -> None:
        channel = self._of(params)
        self._world.set_state(channel, "Ringing")
        self._ring(channel, params)

    def _ring(self, channel: Channel, params: Mapping[str, Any]) -> None:
        seconds = float(params.get("timeout") or _RINGING_SECONDS)
        channel.ringing = self._world.later(seconds, self.refuse, channel, "noanswer")
        self._tell_dial(channel, "RINGING")

    def _made(self, target: str, params: Mapping[str, Any], state: str) -> Channel:
        endpoint, ident = str(params.get("endpoint") or ""), str(params.get("channelId") or self._world.fresh_id())
        if "/" not in endpoint:
            raise Problem("asterisk_error", "Invalid endpoint specified", status=400, source="asterisk")
        channel = Channel(ident, target, f"{endpoint}-{ident}", state, {"name": "", "number": endpoint.split("/")[1]})
        channel.created = self._world.now()
        channel.endpoint, channel.originator = endpoint, str(params.get("originator") or APP)
        channel.args = str(params["appArgs"]).split(",") if params.get("appArgs") else []
        channel.variables = {name: str(value) for name, value in (params.get("variables") or {}).items()}
        channel.connected = {"name": "", "number": str(params.get("callerId") or "")}
        self._world.channels[ident] = channel
        return channel

    def _snoop(self, target: str, params: Mapping[str, Any]) -> dict[str, Any]:
        of, ident = self._of(params), str(params.get("snoopId") or self._world.fresh_id())
        channel = Channel(ident, target, f"Snoop/{of.id}-{ident}", "Up", dict(of.caller))
        channel.args = str(params["appArgs"]).split(",") if params.get("appArgs") else []
        self._world.channels[ident] = channel
        self._world.enter(channel)
        return channel.to_json()

    def _tell_dial(self, channel: Channel, status: str) -> None:
        fields = {"peer": channel.to_json(), "dialstatus": status, "dialstring": channel.endpoint, "forward": ""}
        self._world.tell(channel.target, "Dial", fields)
