-- Tests of lua/examples/business_hours.lua.

local function call_at(fields)
  fields.zone, fields.year, fields.month = "Europe/Vienna", 2026, 7
  T.time(fields)
  return T.call { exten = "7200" }
end

function test_in_business_hours_calls_go_on()
  for _, fields in ipairs { { day = 6, hour = 9 }, { day = 10, hour = 16, min = 59 } } do
    local ended = call_at(fields):ended()
    T.equal({ ended.outcome, ended.context, ended.exten, ended.priority }, { "continued", "default", "601", 1 })
  end
end

function test_out_of_them_nobody_is_there()
  for _, fields in ipairs { { day = 6, hour = 8, min = 59 }, { day = 6, hour = 17 }, { day = 11, hour = 12 } } do
    local call = call_at(fields)
    T.equal(call:heard(), { "sound:vm-nobodyavail", "sound:vm-goodbye" })
    T.advance(2000)
    T.equal(call:ended().outcome, "hung up")
  end
end
