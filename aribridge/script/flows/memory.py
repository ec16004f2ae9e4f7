"""What the next run of the gateway must know of the flows of this one, in the file of ``bridge.kv``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from aribridge.script.errors import CallFailure
from aribridge.script.kv import Kv
from aribridge.script.store import Store

_NAMESPACE = "/flows/calls"
"""No script is called so: scripts have names of files."""
_SAVED = "/flows/saved"
"""Apart from the records: what scripts save must not take their room."""
_MOST_SAVED = 65_536


class Record(msgspec.Struct, frozen=True):
    """A flow: whose call it is, what verbs made in Asterisk, as kinds and ids, and what the script saved.

    ``begun`` is False where the call came while the gateway was stopping, so that ``on_call`` is still to run.
    """

    target: str
    channel: str
    script: str
    args: Sequence[str] = ()
    made: Sequence[tuple[str, str]] = ()
    saved: Any = None
    begun: bool = True

    def channels(self) -> set[str]:
        """The caller's channel and those of its legs."""
        return {self.channel, *(ident for kind, ident in self.made if kind == "channel")}


class Memory:
    """Records by the id of the flow. What is written is in the file, in order, a moment later."""

    def __init__(self, kv: Kv) -> None:
        self._kv = kv

    def note(self, flow: str, record: Record) -> None:
        """Write a record, apart from what is saved."""
        value = msgspec.to_builtins(msgspec.structs.replace(record, saved=None))
        self._kv.post(lambda store: store.set(_NAMESPACE, flow, value, None))

    async def save(self, flow: str, saved: Any) -> None:
        """Write what a script saves. Raises CallFailure."""
        if len(msgspec.json.encode(saved)) > _MOST_SAVED:
            raise CallFailure(
                "bad_parameter", f"call:save takes up to {_MOST_SAVED} bytes of JSON; bridge.kv takes more"
            )
        await self._kv.do(lambda store: store.set(_SAVED, flow, saved, None))

    def pass_on(self, old: str, new: str, record: Record) -> None:
        """Write another flow's record, with what was saved, under the id of the one that goes on with its call."""
        self.note(new, record)
        if record.saved is not None:
            self._kv.post(lambda store: store.set(_SAVED, new, record.saved, None))
        self.forget(old)

    def forget(self, flow: str) -> None:
        """The flow is over."""
        self._kv.post(lambda store: (store.delete(_NAMESPACE, flow), store.delete(_SAVED, flow)))

    def left(self, target: str) -> asyncio.Future[dict[str, Record]]:
        """The records of an Asterisk as they are now, not of what is written from here on. Raises CallFailure."""
        return self._kv.do(lambda store: _read(store, target))


def _read(store: Store, target: str) -> dict[str, Record]:
    saved = {entry.key: entry.value for entry in store.entries(_SAVED)}
    return {
        entry.key: msgspec.structs.replace(msgspec.convert(entry.value, Record), saved=saved.get(entry.key))
        for entry in store.entries(_NAMESPACE)
        if entry.value["target"] == target
    }
