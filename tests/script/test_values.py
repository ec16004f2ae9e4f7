"""Values cross to Lua and back without a change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from script_parts import RecordingAsterisks, ScriptClient, load_host

from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost
from aribridge.script.values import MAX_TOKENS, ValueNotJsonError, decode, encode

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(codec="utf-8"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(text, inner, max_size=6),
    max_leaves=30,
)
ECHO = """
local bridge = require "bridge"
local function copied(v)
  if type(v) ~= "table" or v == bridge.null then return v end
  local copy = getmetatable(v) == "array" and bridge.array{} or {}
  for k, x in pairs(v) do copy[k] = copied(x) end
  return copy
end
function on_message(conn, data) return copied(data) end
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> ScriptHost:
    path = tmp_path_factory.mktemp("values") / "echo.lua"
    path.write_text(ECHO)
    return load_host(RecordingAsterisks(), path)


def same(a: Any, b: Any) -> bool:
    """Equal, and of the same types all the way down: 1, 1.0 and True are three values."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=json_values)
def test_tokens_say_what_the_value_was(value: Any) -> None:
    assert same(decode(iter(encode(value))), value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=json_values)
async def test_a_value_that_lua_copies_comes_back_the_same(echo: ScriptHost, value: Any) -> None:
    assert same(await echo.on_message(ScriptClient(), value), value)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(event=st.dictionaries(text, json_values, max_size=5))
def test_an_event_that_lua_does_not_touch_is_passed_as_it_is(event: dict[str, Any], passing: ScriptHost) -> None:
    assert passing.on_event("pbx", event) is event


@pytest.fixture(scope="module")
def passing(tmp_path_factory: pytest.TempPathFactory) -> ScriptHost:
    path = tmp_path_factory.mktemp("values") / "pass.lua"
    path.write_text("function on_event(event) return event end")
    return load_host(RecordingAsterisks(), path)


async def test_integers_beyond_64_bits_become_floats(echo: ScriptHost) -> None:
    assert same(await echo.on_message(ScriptClient(), 2**70), float(2**70))


async def test_half_a_surrogate_pair_becomes_a_question_mark(echo: ScriptHost) -> None:
    assert await echo.on_message(ScriptClient(), {"a": "x\ud800y"}) == {"a": "x?y"}


@pytest.mark.parametrize("bad", [10**400, {1, 2}, object()])
async def test_what_is_not_json_does_not_reach_lua(echo: ScriptHost, bad: Any) -> None:
    with pytest.raises(Problem) as problem:
        await echo.on_message(ScriptClient(), bad)
    assert problem.value.code == "script_error"


def test_depth_and_size_are_bounded() -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueNotJsonError, match="nested"):
        encode(deep)
    with pytest.raises(ValueNotJsonError, match="at most"):
        encode(list(range(MAX_TOKENS)))


async def test_a_value_of_the_largest_size_crosses(load: Any, client: ScriptClient) -> None:
    host = load("function on_message(conn, data) return #data end")
    assert await host.on_message(client, [0] * (MAX_TOKENS - 50)) == MAX_TOKENS - 50


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{}", {}),
        ("bridge.array{}", []),
        ("{1, 2}", [1, 2]),
        ("{bridge.null}", [None]),
        ("{a = bridge.null, b = nil}", {"a": None}),
        ("10 // 2", 5),
        ("10 / 2", 5.0),
        ("2^53", 2.0**53),
        ("'\\0a'", "\0a"),
    ],
)
async def test_what_lua_values_become(load: Any, client: ScriptClient, expression: str, value: Any) -> None:
    host = load(f"local bridge = require 'bridge' function on_message() return {{v = {expression}}} end")
    assert same(await host.on_message(client, None), {"v": value})


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("0/0", "nan"),
        ("math.huge", "inf"),
        ("'\\xff'", "'v' is not UTF-8 text"),
        ("{['\\xff'] = 1}", "not UTF-8"),
        ("print", "'v' is a function"),
        ("{1, nil, 3}", "neither an array"),
        ("{1, a = 2}", "neither an array"),
        ("{[5] = 1}", "keys of objects are strings"),
        ("{[true] = 1}", "keys of objects are strings"),
        ("endless", "nested deeper"),
        ("coroutine.create(print)", "is a thread"),
    ],
)
async def test_what_cannot_leave_lua_says_why(load: Any, client: ScriptClient, expression: str, error: str) -> None:
    host = load(f"endless = {{}} endless.x = endless function on_message() return {{v = {expression}}} end")
    with pytest.raises(Problem, match=error) as problem:
        await host.on_message(client, None)
    assert problem.value.code == "script_error"
