-- Calls are recorded only if the caller agrees by pressing 1.

local PHONE = "PJSIP/200"

function accepts(call)
  return call.exten == "7300"
end

function on_call(call)
  call:answer()
  local prompt = { "sound:conf-now-recording", "sound:vm-press", "digits:1" }
  local digit = call:read { prompt = prompt, max = 1, timeout = 5 }
  local name = digit == "1" and "consented-" .. os.date("!%Y%m%d-%H%M%S") .. "-" .. call.id or nil
  call:set("CDR_RECORDED", digit == "1" and "yes" or "no")
  if call:dial(PHONE, { timeout = 20, record = name }) ~= "answered" then call:play("sound:vm-nobodyavail") end
end
