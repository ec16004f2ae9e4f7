-- The call's state, and how it leaves the script.

local host = ...

local type, tostring, math_type = type, tostring, math.type
local refuse, send_channel = host.refuse, host.send_channel

host.verb("hold", function(s) send_channel(s, "hold") end)
host.verb("unhold", function(s) send_channel(s, "unhold") end)

-- direction: "in" (what the caller says), "out" (what the caller hears), "both".
host.verb("mute", function(s, direction) send_channel(s, "mute", { direction = direction }) end)
host.verb("unmute", function(s, direction) send_channel(s, "unmute", { direction = direction }) end)

-- A variable of the channel's, or a function of the dialplan such as CALLERID(num); nil when there is none.
host.verb("get", function(s, name)
  if type(name) ~= "string" then refuse("get", "takes the name of a variable") end
  local found = host.try(s, "channels.getChannelVar", { channelId = s.id, variable = name })
  return found and found.value
end)

host.verb("set", function(s, name, value)
  if type(name) ~= "string" then refuse("set", "takes the name of a variable, and a value") end
  send_channel(s, "setChannelVar", { variable = name, value = tostring(value == nil and "" or value) })
end)

-- call:save{...}: what on_resume(call, saved) gets after the gateway was started anew; the last one counts.
host.verb("save", function(s, value)
  if type(value) ~= "table" then refuse("save", "takes a table") end
  host.ask(s, "save", value)
end)

-- Ends -------------------------------------------------------------------------------------------------------------

-- How a flow ends that has not ended otherwise: where its hook ends.
function host.ending(hook)
  local info = debug.getinfo(host.hooks[hook], "S")
  return info.short_src .. ":" .. info.lastlinedefined
end

local function leave(s, how, op, params)
  local where = host.where(3)
  if params then params.channelId = s.id end
  host.ask(s, "end", how, where, op, params)
  s.ended = how
end

host.place = { context = true, exten = true, priority = true, label = true }

-- Gives the call back to the dialplan: {context =, exten =, priority =, label =}; nothing: where it left off.
host.verb("continue", function(s, place)
  place = host.options("continue", place, host.place)
  leave(s, "continue", "channels.continueInDialplan", {
    context = place.context, extension = place.exten, priority = place.priority, label = place.label,
  })
end)

-- Leaves the call, with all that belongs to it, to clients.
host.verb("keep", function(s) leave(s, "keep") end)

-- cause: a word of ARI's such as "busy", or the number of a Q.850 cause (from Asterisk 18 on).
host.verb("hangup", function(s, cause)
  if cause ~= nil and type(cause) ~= "string" and math_type(cause) ~= "integer" then
    refuse("hangup", "the cause is a word such as \"busy\", or a number")
  end
  leave(s, "hangup", "channels.hangup", {
    reason = type(cause) == "string" and cause or nil,
    reason_code = math_type(cause or "") and tostring(cause) or nil,
  })
end)
