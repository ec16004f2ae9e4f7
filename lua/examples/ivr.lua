-- A menu behind a PIN: who knows it is put through to a phone.

local PIN = "1234"
local PHONE = "PJSIP/200"

local function knows_pin(call)
  for _ = 1, 3 do
    local digits = call:read { prompt = "sound:vm-password", max = #PIN, timeout = 8 }
    if digits == PIN then return true end
    call:play("sound:vm-invalidpassword")
  end
  return false
end

function accepts(call)
  return call.exten == "7001"
end

function on_call(call)
  call:answer()
  if not knows_pin(call) then return call:play("sound:vm-goodbye") end
  local result = call:dial(PHONE, { timeout = 20 })
  if result ~= "answered" then call:play("sound:vm-nobodyavail") end
end
