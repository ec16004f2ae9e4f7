"""Globs on endpoints, whose names clients choose."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aribridge.core.policy.names import endpoint_glob, matcher


def naive(glob: str) -> str:
    """What a glob means, for texts that are short enough to look for every place of a star."""
    wild = {"*": "[^/@]*", "?": "[^/@]"}
    return "".join(wild.get(letter, re.escape(letter)) for letter in glob)


@settings(max_examples=500)
@given(st.text("ab/@*?", max_size=9), st.lists(st.text("ab/@", max_size=9), max_size=20))
def test_a_glob_matches_what_a_search_without_haste_finds(glob, texts):
    matches = matcher([glob], endpoint_glob)
    for text in texts:
        assert matches(text) == (re.fullmatch(naive(glob), text) is not None)


@pytest.mark.parametrize("glob", ["PJSIP/*-*-*-*-*x", "*a*a*a*a*a*a*b", "*" * 200 + "b"])
def test_a_long_name_against_many_stars_takes_no_time(glob):
    started = time.process_time()
    assert not matcher([glob], endpoint_glob)("PJSIP/" + "-a" * 4000)
    assert time.process_time() - started < 1
