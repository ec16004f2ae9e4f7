"""From values to frames: what the gateway sends (protocol v1), as JSON text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from aribridge.protocol.goodbyes import GOODBYES
from aribridge.protocol.problems import Problem

_json = msgspec.json.Encoder()
_PART_OVERHEAD = 160


def encode(message: Mapping[str, Any]) -> str:
    """Encode a message; bodies that came as JSON text go through untouched, wrapped in ``raw``."""
    return _json.encode(message).decode()


def raw(body: bytes | str) -> msgspec.Raw:
    """Mark JSON text so that it is sent as it is."""
    return msgspec.Raw(body)


def reply(ident: int | str | None, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
    """The terminal answer to a request."""
    return {"type": "reply", "id": ident, "status": status, "body": body, **more}


def error(ident: int | str | None, problem: Problem, most: int) -> dict[str, Any]:
    """The terminal answer to a request that failed, its detail cut to what fits in ``most`` bytes."""
    told = problem.to_error()
    message = {"type": "reply", "id": ident, "status": problem.status, "error": told | {"detail": ""}}
    return message | {"error": told | {"detail": _cut(told["detail"], most - size(encode(message)))}}


def goodbye(slug: str, detail: str, after_ms: int, most: int) -> dict[str, Any]:
    """The last message of a connection, its detail cut to what fits in ``most`` bytes."""
    kind = GOODBYES[slug]
    message = {
        "type": "goodbye",
        "code": kind.code,
        "slug": slug,
        "reconnect": kind.reconnect,
        "after_ms": after_ms,
        "detail": "",
    }
    return message | {"detail": _cut(detail, most - size(encode(message)))}


def event_tail(epoch: str, seq: int, data: str) -> str:
    """The part of an event message that is the same for every subscriber; encoded once."""
    return f'"epoch":"{epoch}","seq":{seq},"data":{data}}}'


def event(sub: int, prev: int, tail: str) -> str:
    """An event message for one subscriber."""
    return f'{{"type":"event","sub":{sub},"prev":{prev},{tail}'


def gap(sub: int, was: Mapping[str, Any], now: Mapping[str, Any], reason: str, following: str) -> str:
    """Tell a subscriber that it missed something, why, where it goes on, and what comes next."""
    return encode({"type": "gap", "sub": sub, "was": was, "now": now, "reason": reason, "next": following})


def patch(sub: int, epoch: str, seq: int, prev: int, changes: Iterable[str]) -> str:
    """A patch message; the changes are encoded already."""
    head = f'{{"type":"patch","sub":{sub},"epoch":"{epoch}","seq":{seq},"prev":{prev}'
    return f'{head},"changes":[{",".join(changes)}]}}'


def snapshot(sub: int, epoch: str, seq: int, part: int, state: Mapping[str, list[str]], *, last: bool) -> str:
    """One part of a snapshot; ``state`` holds the encoded members of each kind."""
    kinds = ",".join(f'"{kind}":{{{",".join(members)}}}' for kind, members in state.items())
    head = f'{{"type":"snapshot","sub":{sub},"epoch":"{epoch}","seq":{seq},"part":{part}'
    return f'{head},"last":{"true" if last else "false"},"state":{{{kinds}}}}}'


def size(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _cut(text: str, most: int) -> str:
    """As much of a text as takes that many bytes in a message."""
    while text and len(_json.encode(text)) - 2 > most:
        text = text[: len(text) // 2]
    return text


def parts(ident: int | str, text: str, most: int) -> Iterator[str]:
    """Cut a long reply into frames of at most ``most`` bytes; the client joins the texts and parses once."""
    step, start, number = max(1, (most - _PART_OVERHEAD) // 2), 0, 0
    while start < len(text):
        size, number = step, number + 1
        while True:
            piece = text[start : start + size]
            frame = encode(
                {"type": "reply", "id": ident, "part": number, "last": start + size >= len(text), "text": piece}
            )
            if len(frame.encode()) <= most:
                break
            size //= 2
        yield frame
        start += size


def batches(frames: list[str], most: int) -> Iterator[str]:
    """Join neighbouring frames into JSON arrays of at most ``most`` bytes; a lone frame stays as it is."""
    group: list[str] = []
    size = 2
    for frame in frames:
        length = (len(frame) if frame.isascii() else len(frame.encode())) + 1
        if group and size + length > most:
            yield _join(group)
            group, size = [], 2
        group.append(frame)
        size += length
    if group:
        yield _join(group)


def _join(group: list[str]) -> str:
    return group[0] if len(group) == 1 else f"[{','.join(group)}]"
