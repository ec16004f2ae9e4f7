-- Calls in business hours go on to the phones, others hear that nobody is there.

local bridge = require "bridge"

local ZONE = "Europe/Vienna"
local OPEN = { from = 9, to = 17 } -- hours
local WORKDAYS = { false, true, true, true, true, true, false } -- from Sunday on

function accepts(call)
  return call.exten == "7200"
end

function on_call(call)
  local now = bridge.time { zone = ZONE }
  if WORKDAYS[now.wday] and now.hour >= OPEN.from and now.hour < OPEN.to then
    return call:continue { context = "default", exten = "601", priority = 1 }
  end
  call:answer()
  call:play { "sound:vm-nobodyavail", "sound:vm-goodbye" }
end
