"""Which commands Asterisk is through with at once.

On a lane one waits for the other. What is not named here waits for a channel's thread, a device, a file or the network
(originate, addChannel, setChannelVar, ...), is long in its answer (lists), or is unknown: HTTP, where each has a
thread of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aribridge.core.command import Command

_QUICK = frozenset(
    {
        "applications.get",
        "asterisk.getGlobalVar",
        "asterisk.getInfo",
        "asterisk.ping",
        "asterisk.setGlobalVar",
        "bridges.create",
        "bridges.createWithId",
        "bridges.destroy",
        "bridges.get",
        "channels.answer",
        "channels.continueInDialplan",
        "channels.get",
        "channels.getChannelVar",
        "channels.hangup",
        "channels.hold",
        "channels.mute",
        "channels.play",
        "channels.playWithId",
        "channels.ring",
        "channels.ringStop",
        "channels.sendDTMF",
        "channels.startMoh",
        "channels.startSilence",
        "channels.stopMoh",
        "channels.stopSilence",
        "channels.unhold",
        "channels.unmute",
        "endpoints.get",
        "events.claimChannel",
        "events.userEvent",
        "playbacks.control",
        "playbacks.get",
        "playbacks.stop",
    }
)


def is_quick(command: Command) -> bool:
    """Whether it may be put before others on a lane. A variable with parentheses is a function, and may do anything."""
    return command.op in _QUICK and "(" not in str(command.params.get("variable", ""))
