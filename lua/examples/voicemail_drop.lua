-- Voicemail drop: {"drop": "PJSIP/300", "media": "recording:offer"} calls a number, lets whoever answers finish their
-- greeting, leaves the message and hangs up.

local ari = require "ari"

local GREETING = 20 -- seconds after which the message is played in any case

function on_message(conn, data)
  if type(data) ~= "table" or type(data.drop) ~= "string" then return nil end
  local args = "voicemail_drop," .. tostring(data.media or "sound:vm-goodbye")
  local ok, made = pcall(ari.channels.originate, { endpoint = data.drop, appArgs = args, timeout = 30, flow = true })
  return ok and { channel = made.id } or { error = tostring(made) }
end

function accepts(call)
  return false
end

function on_call(call)
  call:set("TALK_DETECT(set)", "1500") -- the greeting is over after 1.5 s of silence
  call:on("ChannelTalkingFinished", function() call:notify("silence") end)
  call:wait(GREETING)
  call:play(call.args[2])
end
