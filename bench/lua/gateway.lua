-- What the gateway does in the place of janus_ari.lua: the same messages, in a burst or paced.

local bridge = require "bridge"
local task = require "task"

local FILLING = string.rep("x", 1100)

local function tell_all(number)
  bridge.publish({ type = "Bench", number = number, filling = FILLING }, "pbx")
end

local function in_a_burst(count)
  for number = 1, count do
    tell_all(number)
    if number % 500 == 0 then bridge.sleep(0) end -- or it would be over its budget
  end
end

local function paced(count, every)
  for number = 1, count do
    bridge.sleep(every)
    tell_all(number)
  end
end

function on_message(conn, data)
  while data.loop do end
  if data.burst then in_a_burst(data.burst) end
  if data.paced then task.spawn(paced, data.paced, data.every) end
  return { ok = true }
end
