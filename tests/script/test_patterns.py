"""The gateway's pattern matcher agrees with Lua's own, and can be stopped."""

from __future__ import annotations

from typing import Any

import lupa.lua54 as lupa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aribridge.script.stock import lua_folder

CALLS = """
local host = {}
load((...), "=patterns")(host)
local function outcome(ok, ...)
  if not ok then return "error" end
  return ...
end
local function all(iterator)
  local found = {}
  for a, b, c in iterator do found[#found + 1] = tostring(a) .. "," .. tostring(b) .. "," .. tostring(c) end
  return table.concat(found, ";")
end
return function(library, name, text, pattern, extra, init)
  local fn = (library == "ours" and host.patterns or string)[name]
  if name == "gmatch" then return outcome(pcall(function() return all(fn(text, pattern, init)) end)) end
  if name == "gsub" then return outcome(pcall(fn, text, pattern, extra)) end
  return outcome(pcall(fn, text, pattern, init))
end
"""


@pytest.fixture(scope="module")
def call() -> Any:
    """Both matchers side by side: ours without the short cut for what is cheap."""
    source = (lua_folder() / "host" / "patterns.lua").read_text()
    shortened = source.replace("local MAX_STEPS = 1e6", "local MAX_STEPS = 0")
    assert shortened != source
    return lupa.LuaRuntime(encoding="latin-1").execute(CALLS, shortened)


items = st.sampled_from(
    [
        "a",
        "b",
        "-",
        "%a",
        "%d",
        ".",
        "[ab]",
        "[^a]",
        "[a-c]",
        "[%d-]",
        "[]]",
        "%-",
        "%%",
        "%w",
        "%s",
        "%S",
        "\xff",
        "\0",
    ]
)
quantified = st.builds("{}{}".format, items, st.sampled_from(["", "", "*", "+", "-", "?"]))
special = st.sampled_from(["%b()", "%b<>", "%f[a]", "%f[%A]", "%1", "()", "$", "^", "(", ")"])
group = st.builds("({}{})".format, quantified, st.just("") | quantified)
whole = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "^"]),
    st.lists(quantified | group | special, min_size=1, max_size=5).map("".join),
    st.sampled_from(["", "$"]),
)
texts = st.text("aabb1-(<)> %\n\xff\0", max_size=12)


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(["find", "match", "gmatch", "gsub"]),
    text=texts,
    pattern=whole,
    extra=st.sampled_from(["x", "<%0>", "%1%%", ""]),
    init=st.sampled_from([None, 1, 3, -2, 20]),
)
def test_it_finds_what_lua_finds(call: Any, name: str, text: str, pattern: str, extra: str, init: int | None) -> None:
    expected = call("lua", name, text, pattern, extra, init)
    # A malformed rest of a pattern is an error here at once, and there when the match gets that far.
    if expected != "error":
        got = call("ours", name, text, pattern, extra, init)
        assert got == expected or (got == "error" and _is_malformed(call, pattern))


def _is_malformed(call: Any, pattern: str) -> bool:
    return pattern.endswith("%") or pattern.count("[") > pattern.count("]")


@pytest.mark.parametrize("by", ["{a = 1, b = false}", "function(x) return x .. x end", "function() end", "'%0%0'"])
async def test_replacements_of_every_kind_in_a_long_text(load: Any, client: Any, by: str) -> None:
    source = f"""function on_message(c, d)
      local text = d:gsub("(%w)(%s*)", {by})
      return text
    end"""
    host = load(source, budget_ms=2000)  # how fast it is depends on what else the machine does
    short = await host.on_message(client, "a b c")
    assert await host.on_message(client, "a b c" * 2000) == short * 2000
