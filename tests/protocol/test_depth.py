"""How deep JSON may be nested."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aribridge.protocol.depth import is_deeper

VALUES = st.recursive(
    st.none() | st.text(alphabet='[]{}"\\a'), lambda inner: st.lists(inner) | st.dictionaries(st.text('[{"\\'), inner)
)


def depth(value):
    if not isinstance(value, list | dict):
        return 0
    return 1 + max((depth(item) for item in (value.values() if isinstance(value, dict) else value)), default=0)


@given(VALUES)
def test_the_depth_of_a_text_is_that_of_its_value(value):
    text, levels = json.dumps(value), depth(value)
    assert not is_deeper(text, levels)
    assert levels == 0 or is_deeper(text, levels - 1)


@pytest.mark.parametrize("text", ['"' * 65_535, '"' + '\\"' * 32_767, "[" * 65_535, "[]" * 32_000, '"[' * 32_000])
def test_no_text_takes_long(text):
    started = time.process_time()
    is_deeper(text, 64)
    assert time.process_time() - started < 2.0
