"""What a look at one thing found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` was looked at, how it is, and what to do about it; ``unknown``: it cannot be seen from here."""

    level: Level
    what: str
    text: str
    remedy: str = ""


def of_sentence(what: str, sentence: str) -> Finding:
    """A fault that is told in one sentence: the cause, then after a colon the remedy, as all reasons of links are."""
    cause, _, remedy = sentence.partition(": ")
    return Finding("fail", what, cause, remedy)
