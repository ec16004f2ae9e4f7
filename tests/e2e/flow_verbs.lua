-- What tests/e2e/test_flow_verbs.py runs, by the first argument of the call.

local ari = require "ari"
local bridge = require "bridge"

local verbs = {}

local function tell(call, ...)
  local words = table.pack(...)
  for k = 1, words.n do words[k] = tostring(words[k]) end
  bridge.log("info", "told", { by = call.args[1], words = table.concat(words, " ") })
end

function verbs.busy(call) tell(call, call:dial("Local/603@default", { timeout = 5 })) end
function verbs.nobody(call) tell(call, call:dial("Local/602@default", { timeout = 0.5 })) end
function verbs.nowhere(call) tell(call, call:dial("Local/none@nowhere")) end
function verbs.first(call) tell(call, call:dial { "Local/602@default", "Local/600@default", "Local/603@default" }) end
function verbs.raises(call) call:dial("Local/600@default", { answered = function() error("on purpose") end }) end

function verbs.shown(call)
  call:set("CALLERID(all)", "Ann <4711>")
  while call:get("CALLERID(num)") ~= "4711" do call:wait(0.05) end
  call:dial("Local/7003@default", { timeout = 5, caller_id = call.args[2] })
end

function verbs.recorded(call)
  call:record { name = "flow-" .. call.args[2], max = 1, beep = true }
  local recording = call:record { name = "flow-" .. call.args[2], max = 1 }
  tell(call, recording.state)
  ari.recordings.deleteStored { recordingName = "flow-" .. call.args[2] }
end

function verbs.variables(call)
  call:set("COLOUR", "blue")
  call:set("CALLERID(num)", "4711")
  while not call:get("COLOUR") do call:wait(0.05) end -- Asterisk 16 sets it a moment later
  tell(call, call:get("COLOUR"), call:get("CALLERID(num)"), call:get("NONE"))
end

function verbs.state(call)
  call:mute("in")
  call:unmute("in")
  call:hold()
  call:unhold()
  call:moh()
  call:moh(false)
  call:moh()
  tell(call, #call:snoop { spy = "in" } > 0)
end

function verbs.spoken(call)
  call:say_digits("12", { lang = "en" })
  call:say_number(3)
  tell(call, select(2, call:play("sound:there-is-no-such-sound")))
end

function verbs.kept(call)
  call:keep()
  tell(call, select(2, pcall(call.play, call, "sound:beep")))
end

function verbs.onward(call) call:continue { context = "default", exten = "600", priority = 1 } end

function verbs.wrong(call)
  for _, options in ipairs { { medai = "sound:beep" }, { media = "beep" }, { media = {} } } do
    tell(call, select(2, pcall(call.play, call, options)))
  end
  tell(call, select(2, pcall(call.read, call, { max = 0 })))
end

function verbs.plays(call) tell(call, select(2, call:play("sound:vm-goodbye"))) end

function verbs.endless() while true do end end

local waiting = {}

function verbs.lets_go(call)
  waiting[call.id] = call
  call:wait()
  call:keep()
end

function on_message(_, data) return waiting[data.let_go]:notify() end

function verbs.waits(call) call:wait() end

function verbs.pressed(call)
  local seen = {}
  call:on("dtmf", function(digit)
    seen[#seen + 1] = digit
    if digit == "9" then call:hangup() end
  end)
  pcall(call.wait, call, 60)
  tell(call, table.concat(seen))
end

function accepts(call) return verbs[call.args[1]] ~= nil end

function on_call(call) verbs[call.args[1]](call) end
