-- Answers a custom message: {"type": "message", "id": 1, "data": {"ask": "calls"}} gets the number of calls.

local ari = require "ari"
local bridge = require "bridge"

function on_message(conn, data)
  if type(data) ~= "table" or data.ask ~= "calls" then return nil end
  local ok, channels = pcall(ari.channels.list)
  if not ok then
    bridge.log("warning", "cannot count calls", { code = channels.code, detail = channels.detail })
    return { error = tostring(channels) }
  end
  return { calls = #channels }
end
