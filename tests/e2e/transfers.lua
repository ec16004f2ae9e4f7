-- What tests/e2e/test_flow_transfer.py runs, by the extension that is called.

local bridge = require "bridge"

local TARGET = "Local/7805@default"
local ELSEWHERE = "PJSIP/sip:300@127.0.0.1:5999"

local flows = {}

local function tell(call, ...)
  local words = table.pack(...)
  for k = 1, words.n do words[k] = tostring(words[k]) end
  bridge.log("info", "told", { by = call.id, words = table.concat(words, " ") })
end

-- The party that was dialled consults another one by "#".
local function by_hash(target)
  return function(call)
    call:on("ChannelDtmfReceived", function(event)
      if event.channel.id == call.id or event.digit ~= "#" then return end
      tell(call, "transfer", call:transfer(target, { attended = true, timeout = 20 }))
    end)
    tell(call, "dial", call:dial("Local/7804@default"))
  end
end

flows["7800"] = by_hash(TARGET)
flows["7801"] = by_hash("Local/603@default")

flows["7802"] = function(call)
  call:answer()
  tell(call, "transfer", call:transfer(TARGET, { attended = true, announce = "sound:beep", accept = "1" }))
end

flows["7803"] = function(call)
  call:answer()
  local phone = "PJSIP/loopback/sip:phone@127.0.0.1:" .. bridge.kv.get("phone")
  tell(call, "transfer", call:transfer(phone, { attended = true, announce = "sound:beep" }))
end

flows["7810"] = function(call)
  call:answer()
  tell(call, "transfer", call:transfer(ELSEWHERE))
end

flows["7811"] = function(call) tell(call, "transfer", call:transfer(ELSEWHERE)) end

flows["7812"] = function(call)
  call:answer()
  tell(call, "transfer", call:transfer(ELSEWHERE, { timeout = 0.5 }))
end

function on_message(_, data)
  bridge.kv.set("phone", data.phone)
  return true
end

function accepts(call) return flows[call.exten] ~= nil end

function on_call(call) flows[call.exten](call) end
