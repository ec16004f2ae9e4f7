"""Whose the objects of one target are, kept from its events and from what is made through the gateway.

A channel is its endpoint's and its maker's, and those of the channels that it is in a call with: the other leg of a
dial, the other members of a bridge. That goes one step: the party of a party is a stranger.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from aribridge.core.policy.mentions import Mention, mentions
from aribridge.core.policy.names import NOBODY, Names, Tenants, endpoint_of
from aribridge.core.policy.scope import NO_OBJECT, NOBODYS, Owner, Scope, Subjects

Key = tuple[str, str]

_MOST = 50_000
"""Objects, owners and objects that are gone, each."""
_PARTY = 8
"""Members of a bridge who count as one call: in a larger one they don't become each other's."""
_RINGING = frozenset({"", "RINGING", "PROGRESS", "PROCEEDING", "ANSWER"})
"""Outcomes of a dial with which its two legs stay one call."""


@dataclass(slots=True)
class _Channel:
    endpoint: str = ""
    tenants: Tenants = NOBODY
    legs: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Bridge:
    members: frozenset[str] = frozenset()
    joins: bool = True
    """Whether its members talk with each other; in a holding bridge they don't."""


class Scopes:
    """Starts with no object. ``names`` is whose by their names things are."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._everything = True
        self._channels: dict[str, _Channel] = {}
        self._bridges: dict[str, _Bridge] = {}
        self._within: dict[str, set[str]] = {}
        self._targets: dict[Key, Key] = {}
        self._owners: dict[Key, Owner] = {}
        self._known: dict[Key, Scope] = {}
        # A dict takes the longer to find its first entry the more were removed before it.
        self._gone: OrderedDict[Key, Scope] = OrderedDict()

    # --- for commands

    def made(self, key: Key, owner: Owner) -> bool:
        """Have an object be its maker's, before Asterisk makes it; False where it exists already."""
        if self.knows(key):
            return False
        _bounded(self._owners, key, owner)
        if key[0] == "channels":
            # The other half of a Local channel.
            _bounded(self._owners, (key[0], f"{key[1]};2"), owner)
        return True

    def unmade(self, key: Key) -> None:
        """Take ``made`` back: Asterisk refused. What exists may have been the reason, and stays its maker's."""
        if key in self._known:
            return
        self._owners.pop(key, None)
        self._owners.pop((key[0], f"{key[1]};2"), None)

    def recorded(self, name: str, owner: Owner, *, is_new: bool) -> None:
        """Have a recording be its maker's; one that ``is_new`` is, whoever had one of this name before."""
        key = ("recordings", name)
        if is_new or key not in self._owners:
            _bounded(self._owners, key, owner)
            if key in self._known:
                self._settle(key)

    def knows(self, key: Key) -> bool:
        """Whether this object was heard of, or is being made."""
        return key in self._known or key in self._owners or key in self._targets

    def of(self, kind: str, ident: str) -> Scope:
        """Whose an object is; for a while also when it is gone."""
        key = (kind, ident)
        known = self._known.get(key) or self._gone.get(key)
        return known if known is not None else self._computed(key)

    # --- for the stream

    def note(self, event: Mapping[str, Any]) -> tuple[Key, ...]:
        """Take in an event before it is told; return the objects that became somebody else's by it."""
        dirty: set[Key] = set()
        for found in mentions(event):
            self._learn(*found, dirty)
        self._relate(event, dirty)
        # What plays and records somewhere has the scope of that, so it comes last.
        in_order = sorted(dirty, key=self._targets.__contains__) if dirty else ()
        return tuple(key for key in in_order if self._settle(key))

    def subjects(self, event: Mapping[str, Any]) -> Subjects:
        """What an event is about, and whose that is now."""
        found = tuple([(mention[0], self._as_told(*mention)) for mention in mentions(event)])
        if found or not isinstance(event.get("tenant"), str):
            return found
        # Scripts may publish for a tenant; Asterisk's events have no such field.
        return ((NO_OBJECT, Scope(tenants=frozenset((event["tenant"],)))),)

    def _as_told(self, kind: str, ident: str, value: Mapping[str, Any]) -> Scope:
        """Whose an object is by an event: a recording that ended is told to those whose call was recorded."""
        target = _target_of(value) if kind == "recordings" else None
        scope = self.of(kind, ident)
        return scope if target is None else _joined([scope, self.of(*target)])

    def rename(self, names: Names) -> None:
        """Have things be whose their names say by other names; `rebuild` is to follow."""
        self.names = names
        for channel in self._channels.values():
            channel.tenants = NOBODY

    def rebuild(self, objects: Mapping[str, Mapping[str, Mapping[str, Any]]], *, everything: bool) -> None:
        """Begin anew with the objects that there are, by kind and id; what was learnt of them before stays.

        ``everything``: the events of all objects come, not only those of the gateway's application.
        """
        self._everything = everything
        there, before = objects["channels"].keys(), self._channels
        self._channels = {ident: _Channel() for ident in there}
        for ident in there & before.keys():
            was = before[ident]
            self._channels[ident] = _Channel(tenants=was.tenants, legs=was.legs & there)
        self._bridges, self._within, self._targets, self._known = {}, {}, {}, {}
        dirty: set[Key] = set()
        for kind, values in objects.items():
            for ident, value in values.items():
                self._gone.pop((kind, ident), None)
                self._learn(kind, ident, value, dirty)
        for key in dirty | {("channels", ident) for ident in self._channels}:
            self._settle(key)

    # --- learning

    def _learn(self, kind: str, ident: str, value: Mapping[str, Any], dirty: set[Key]) -> None:
        if (kind, ident) in self._gone:
            return
        if kind == "channels":
            self._learn_channel(ident, value, dirty)
        elif kind == "bridges":
            self._learn_bridge(ident, value, dirty)
        elif kind in {"playbacks", "recordings"}:
            self._learn_job((kind, ident), value, dirty)

    def _learn_channel(self, ident: str, value: Mapping[str, Any], dirty: set[Key]) -> None:
        channel = self._channels.get(ident)
        if channel is None:
            channel = _Channel()
            _bounded(self._channels, ident, channel)
            dirty.add(("channels", ident))
        endpoint = endpoint_of(value) or channel.endpoint
        tenants = self.names.channel(value, channel.tenants)
        if (endpoint, tenants) != (channel.endpoint, channel.tenants):
            channel.endpoint, channel.tenants = endpoint, tenants
            dirty.update(self._around(ident))

    def _learn_bridge(self, ident: str, value: Mapping[str, Any], dirty: set[Key]) -> None:
        members = value.get("channels")
        now = frozenset(one for one in members if isinstance(one, str)) if isinstance(members, list) else frozenset()
        was = self._bridges.get(ident)
        bridge = _Bridge(now, joins=value.get("bridge_type") != "holding")
        if bridge == was:
            return
        _bounded(self._bridges, ident, bridge)
        before = was.members if was is not None else frozenset()
        for member in before - now:
            self._leave(member, ident)
        for member in now - before:
            self._within.setdefault(member, set()).add(ident)
        dirty.add(("bridges", ident))
        for member in before | now:
            dirty.update(self._around(member))

    def _leave(self, member: str, bridge: str) -> None:
        within = self._within.get(member, set())
        within.discard(bridge)
        if not within:
            self._within.pop(member, None)

    def _learn_job(self, key: Key, value: Mapping[str, Any], dirty: set[Key]) -> None:
        target = _target_of(value)
        if target is not None:
            _bounded(self._targets, key, target)
            dirty.add(key)

    def _relate(self, event: Mapping[str, Any], dirty: set[Key]) -> None:
        """Take in what this type of event says of how objects belong together."""
        kind = event.get("type")
        if kind == "Dial":
            self._dial(event, dirty)
        elif kind == "ChannelLeftBridge":
            self._part(_id(event.get("channel")), dirty)
        elif kind == "ChannelDestroyed" or (kind == "StasisEnd" and not self._everything):
            self._forget_channel(_id(event.get("channel")), dirty)
        elif kind in {"ChannelCreated", "StasisStart"}:
            self._revive("channels", event.get("channel"), dirty)
        elif kind == "BridgeCreated":
            self._revive("bridges", event.get("bridge"), dirty)
        elif kind == "BridgeDestroyed":
            self._forget_bridge(_id(event.get("bridge")), dirty)
        elif kind == "PlaybackStarted":
            self._revive("playbacks", event.get("playback"), dirty)
        elif kind in _ENDS:
            for found in mentions(event):
                self._end_job(found, dirty)

    def _dial(self, event: Mapping[str, Any], dirty: set[Key]) -> None:
        caller, peer = _id(event.get("caller")), _id(event.get("peer"))
        if caller not in self._channels or peer not in self._channels:
            return
        together = str(event.get("dialstatus", "")) in _RINGING
        legs = self._channels[caller].legs
        if together != (peer in legs):
            change = set.add if together else set.discard
            change(legs, peer)
            change(self._channels[peer].legs, caller)
            dirty.update(self._around(caller), self._around(peer))

    def _part(self, ident: str, dirty: set[Key]) -> None:
        """The channel left a bridge: its dial is over, too."""
        channel = self._channels.get(ident)
        if channel is None or not channel.legs:
            return
        dirty.update(self._around(ident))
        for leg in channel.legs & self._channels.keys():
            self._channels[leg].legs.discard(ident)
        channel.legs.clear()

    def _revive(self, kind: str, value: Any, dirty: set[Key]) -> None:
        """An object with the id of one that is gone is there (again)."""
        ident = _id(value)
        if self._gone.pop((kind, ident), None) is not None:
            self._learn(kind, ident, value, dirty)

    # --- forgetting

    def _forget_channel(self, ident: str, dirty: set[Key]) -> None:
        key = ("channels", ident)
        scope = self.of(*key)
        dirty.update(self._around(ident))
        self._part(ident, dirty)
        self._channels.pop(ident, None)
        for bridge in self._within.pop(ident, ()):
            kept = self._bridges[bridge]
            self._bridges[bridge] = _Bridge(kept.members - {ident}, kept.joins)
        self._bury(key, scope, dirty)

    def _forget_bridge(self, ident: str, dirty: set[Key]) -> None:
        key = ("bridges", ident)
        scope = self.of(*key)
        bridge = self._bridges.pop(ident, _Bridge())
        for member in bridge.members:
            self._leave(member, ident)
            dirty.update(self._around(member))
        self._bury(key, scope, dirty)

    def _bury(self, key: Key, scope: Scope, dirty: set[Key]) -> None:
        dirty.discard(key)
        self._known.pop(key, None)
        self._owners.pop(key, None)
        _bounded(self._gone, key, scope)

    def _end_job(self, found: Mention, dirty: set[Key]) -> None:
        """A playback or live recording is over; a stored recording of that name is its maker's alone."""
        key = found[:2]
        scope = self.of(*key)
        dirty.discard(key)
        self._targets.pop(key, None)
        self._known.pop(key, None)
        if key[0] == "playbacks":
            _bounded(self._gone, key, scope)

    # --- computing

    def _settle(self, key: Key) -> bool:
        """Compute the scope of an object anew; whether it was known and is another now."""
        if key[0] == "channels" and key[1] not in self._channels:
            return False
        before, now = self._known.get(key), self._computed(key)
        if before == now:
            return False
        _bounded(self._known, key, now)
        return before is not None

    def _around(self, ident: str) -> Iterator[Key]:
        """What has the channel's scope in its own: itself, its parties, its bridges, what plays and records there."""
        yield "channels", ident
        nearby = [("channels", party) for party in self._parties(ident)]
        nearby += [("bridges", bridge) for bridge in self._within.get(ident, ())]
        yield from nearby
        if self._targets:
            about = {("channels", ident), *nearby}
            yield from (job for job, target in self._targets.items() if target in about)

    def _parties(self, ident: str) -> Iterable[str]:
        channel = self._channels.get(ident)
        bridges = [self._bridges[bridge] for bridge in self._within.get(ident, ()) if bridge in self._bridges]
        return chain(
            channel.legs if channel is not None else (),
            *(one.members for one in bridges if one.joins and len(one.members) <= _PARTY),
        )

    def _computed(self, key: Key) -> Scope:
        kind, ident = key
        if kind == "channels":
            return self._of_channel(ident)
        if kind == "bridges":
            return self._of_bridge(ident)
        if key in self._targets:
            return _joined([self.of(*self._targets[key]), self._own(key), self._named(kind, ident)])
        return _joined([self._own(key), self._named(kind, ident)])

    def _named(self, kind: str, ident: str) -> Scope:
        """What the name alone says."""
        endpoints = frozenset((ident,)) if kind in {"endpoints", "deviceStates"} else NOBODYS.endpoints
        tenants_of = {
            "recordings": self.names.recording,
            "mailboxes": self.names.mailbox,
            "deviceStates": self.names.device,
            "endpoints": self.names.endpoint,
        }.get(kind)
        return Scope(endpoints, tenants=tenants_of(ident) if tenants_of is not None else NOBODY)

    def _own(self, key: Key) -> Scope:
        owner = self._owners.get(key)
        if owner is None:
            return NOBODYS
        return Scope(owners=frozenset((owner,)), tenants=_tenant_of(owner))

    def _of_channel(self, ident: str) -> Scope:
        own = self._alone(ident)
        parties = [self._alone(party) for party in self._parties(ident) if party != ident]
        if not parties:
            return own
        joined = _joined([own, *parties])
        return Scope(joined.endpoints, joined.owners, own.tenants or joined.tenants)

    def _of_bridge(self, ident: str) -> Scope:
        own, bridge = self._own(("bridges", ident)), self._bridges.get(ident, _Bridge())
        if not bridge.members:
            return own
        members = [self._alone(member) for member in bridge.members]
        tenants = frozenset(chain(own.tenants, *(self._of_channel(member).tenants for member in bridge.members)))
        if not bridge.joins:
            # Whoever waits in a queue does not own it.
            return Scope(own.endpoints, own.owners, tenants)
        joined = _joined([own, *members])
        return Scope(joined.endpoints, joined.owners, tenants)

    def _alone(self, ident: str) -> Scope:
        """A channel by itself: its endpoint's and its maker's. Its phone decides on the tenant, not who called it."""
        channel, owner = self._channels.get(ident), self._owners.get(("channels", ident))
        endpoints = frozenset((channel.endpoint,)) if channel is not None and channel.endpoint else NOBODYS.endpoints
        tenants = channel.tenants if channel is not None else NOBODY
        if owner is None:
            return Scope(endpoints, tenants=tenants)
        return Scope(endpoints, frozenset((owner,)), tenants or _tenant_of(owner))


_ENDS = frozenset({"PlaybackFinished", "RecordingFinished", "RecordingFailed"})


def _id(value: Any) -> str:
    ident = value.get("id") if isinstance(value, dict) else None
    return ident if isinstance(ident, str) else ""


def _target_of(job: Mapping[str, Any]) -> Key | None:
    """The channel or bridge on which a playback or recording is."""
    target, _, ident = str(job.get("target_uri", "")).partition(":")
    return (f"{target}s", ident) if target in {"channel", "bridge"} else None


def _tenant_of(owner: Owner) -> Tenants:
    return NOBODY if owner.tenant is None else frozenset((owner.tenant,))


def _joined(scopes: Iterable[Scope]) -> Scope:
    several = tuple(scopes)
    return Scope(
        frozenset(chain.from_iterable(one.endpoints for one in several)),
        frozenset(chain.from_iterable(one.owners for one in several)),
        frozenset(chain.from_iterable(one.tenants for one in several)),
    )


def _bounded(table: dict[Any, Any], key: Any, value: Any) -> None:
    """Put a value in; what was put in first goes when there is no room. What is forgotten is nobody's."""
    table[key] = value
    if len(table) > _MOST:
        del table[next(iter(table))]
