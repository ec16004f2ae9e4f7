"""A merge patch leads from one object to the other, or says that it cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.streams import merged

from aribridge.core.patches import Inexpressible, diff

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(objects, objects)
def test_the_patch_applied_to_the_one_gives_the_other(before, after):
    try:
        patch = diff(before, after)
    except Inexpressible:
        assert "None" in repr(after)
        return
    assert merged(before, patch) == after


@given(objects)
def test_nothing_changed_is_an_empty_patch(value):
    assert diff(value, dict(value)) == {}


def test_a_patch_holds_what_changed_only():
    before = {"id": "1", "state": "Ring", "caller": {"name": "A", "number": "1"}, "old": 1}
    after = {"id": "1", "state": "Up", "caller": {"name": "A", "number": "2"}}
    assert diff(before, after) == {"state": "Up", "caller": {"number": "2"}, "old": None}


def test_null_cannot_be_merged_in():
    with pytest.raises(Inexpressible):
        diff({"state": "online"}, {"state": None})
