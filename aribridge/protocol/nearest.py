"""What a client's misspelt word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 100
"""Characters of a word that is compared at all: that takes time by its length, and no known word is as long."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that is most like it; None where none is, by ``cutoff`` from 0 to 1."""
    if len(word) > LONGEST:
        return None
    return next(iter(get_close_matches(word, tuple(known), n=1, cutoff=cutoff)), None)
