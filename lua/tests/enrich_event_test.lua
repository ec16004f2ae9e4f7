-- Tests of lua/examples/enrich_event.lua.

local function start(number)
  return T.event { type = "StasisStart", channel = { id = "1.2", caller = { name = "", number = number } } }
end

function test_known_callers_get_their_names()
  T.equal(start("200").caller_name, "Alice Baker")
end

function test_others_are_unknown()
  T.equal(start("999").caller_name, "unknown")
end

function test_other_events_pass_as_they_are()
  T.equal(T.event { type = "StasisEnd" }, { type = "StasisEnd" })
end
