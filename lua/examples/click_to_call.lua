-- Click to call: {"type": "message", "id": 1, "data": {"call": "PJSIP/201"}} rings the client's own phone, the first of
-- its token's endpoints; once that is answered, the other party is dialled.

local ari = require "ari"

function on_message(conn, data)
  if type(data) ~= "table" or type(data.call) ~= "string" then return nil end
  local phone = conn.user.endpoints[1]
  if not phone then return { error = "your token names no endpoint" } end
  local ok, made = pcall(ari.channels.originate, {
    endpoint = phone, appArgs = "click_to_call," .. data.call, callerId = data.call, timeout = 20, flow = true,
  })
  return ok and { channel = made.id } or { error = tostring(made) }
end

function accepts(call)
  return false -- calls of its own only, which name it
end

function on_call(call)
  local result = call:dial(call.args[2], { timeout = 30 })
  if result == "busy" then call:play("tone:busy", { interrupt = true }) end
end
