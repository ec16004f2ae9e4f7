-- Legs: the channels that a flow makes for others, and how calling them ends.

local host = ...

local type, error, pairs, ipairs, tostring = type, error, pairs, ipairs, tostring
local gsub, remove, ceil = string.gsub, table.remove, math.ceil
local wait_until, try, is_gone, send = host.wait_until, host.try, host.is_gone, host.send

local SPARE = 5 -- seconds that Asterisk rings longer than we let it
local TOLD_SECONDS = 5 -- within which Asterisk tells that a leg hung up, of which it has refused something
local MAX_DIGITS = 100

-- How a leg that was not answered ended, by Asterisk's dial status or by its Q.850 cause.
local STATUS = { BUSY = "busy", NOANSWER = "noanswer", CONGESTION = "congestion", CHANUNAVAIL = "unavailable" }
local CAUSES = { [17] = "busy", [18] = "noanswer", [19] = "noanswer", [21] = "busy", [34] = "congestion" }
local ORDER = { "busy", "noanswer", "congestion", "unavailable" } -- of several, the first of these is told

-- Events -----------------------------------------------------------------------------------------------------------

-- The first cause counts: of a call that is refused at once, Asterisk may say "normal" in the end.
function host.observers.ChannelHangupRequest(s, event)
  local leg = s.legs[event.channel.id]
  if leg then leg.cause = leg.cause or event.cause end
end

local function over(s, event)
  host.observers.ChannelHangupRequest(s, event)
  local leg = s.legs[event.channel.id]
  if leg then leg.over = true end
end
host.observers.ChannelDestroyed = over

function host.observers.StasisEnd(s, event)
  local leg = s.legs[event.channel.id]
  -- Why a call was not answered is told a moment later, as the channel is destroyed.
  if leg and (leg.answered or not leg.created) then over(s, event) end
end

local replaced = host.observers.StasisStart
function host.observers.StasisStart(s, event)
  replaced(s, event)
  local leg = s.legs[event.channel.id]
  if not leg then return end
  leg.started = true
  if not leg.created then leg.answered = true end
end

function host.observers.Dial(s, event)
  local leg = s.legs[event.peer.id]
  if not leg then return end
  leg.status = STATUS[event.dialstatus] or leg.status
  leg.progress = leg.progress or event.dialstatus == "PROGRESS"
end

function host.observers.ChannelStateChange(s, event)
  local channel = event.channel
  if channel.id == s.id then s.call.state = channel.state end
  local leg = s.legs[channel.id]
  if leg and leg.created and channel.state == "Up" then leg.answered = true end
end

local pressed = host.observers.ChannelDtmfReceived
function host.observers.ChannelDtmfReceived(s, event)
  pressed(s, event)
  local leg = s.legs[event.channel.id]
  if not leg then return end
  if #leg.digits >= MAX_DIGITS then remove(leg.digits, 1) end
  leg.digits[#leg.digits + 1] = event.digit
end

local missed = host.observers["aribridge.gap"]
host.observers["aribridge.gap"] = function(s)
  missed(s)
  for id, leg in pairs(host.copy(s.legs)) do
    if not leg.over then
      local gone, channel = is_gone(s, "channels.get", { channelId = id })
      if gone then leg.over = true elseif channel and channel.state == "Up" then leg.answered = true end
    end
  end
end

-- Calling ----------------------------------------------------------------------------------------------------------

local function caller_id(s, options)
  if options.caller_id then return options.caller_id end
  local caller = s.call.caller
  return "\"" .. gsub(tostring(caller.name or ""), "[\"\\]", "") .. "\" <" .. tostring(caller.number or "") .. ">"
end

local function new_leg(s, endpoint)
  local leg = { id = host.fresh_id(s, "l"), endpoint = endpoint, digits = {} }
  s.legs[leg.id] = leg
  return leg
end

-- Asks for something that a leg needs; when Asterisk refuses it, the leg is over.
local function attempt(s, leg, ...)
  local ok, problem = host.pcall(send, s, ...)
  if ok then return true end
  if type(problem) ~= "table" or problem.source ~= "asterisk" or not problem.status then error(problem, 0) end
  leg.over, leg.status = true, "unavailable"
  return false
end

local function ring_seconds(options) return ceil(options.timeout) + SPARE end

-- Rings an endpoint; the leg is the flow's once it is answered.
local function originate(s, endpoint, options)
  local leg = new_leg(s, endpoint)
  attempt(s, leg, "channels.originate", {
    channelId = leg.id, endpoint = endpoint, appArgs = "dialed", originator = s.id, callerId = caller_id(s, options),
    timeout = ring_seconds(options), variables = options.variables,
  }, "channel", leg.id)
  return leg
end

-- Makes a leg that is the flow's from the start, so that it can be bridged before it is answered; host.ring rings it.
function host.create_leg(s, endpoint, options)
  local leg = new_leg(s, endpoint)
  leg.created = true
  local made = attempt(s, leg, "channels.create", {
    channelId = leg.id, endpoint = endpoint, appArgs = "dialed", originator = s.id, variables = options.variables,
  }, "channel", leg.id)
  -- Asterisk 16 may lock up over a channel that it is told to do something with before it is in the application.
  if made then wait_until(s, function() return leg.started or leg.over end, 5) end
  if made and options.caller_id then
    local line = { channelId = leg.id, variable = "CONNECTEDLINE(all,i)", value = options.caller_id }
    attempt(s, leg, "channels.setChannelVar", line)
  end
  return leg
end

function host.ring(s, leg, options)
  if leg.over then return end
  local caller = not options.caller_id and s.id or nil -- whose number the other side sees
  if attempt(s, leg, "channels.dial", { channelId = leg.id, caller = caller, timeout = ring_seconds(options) }) then
    return
  end
  try(s, "channels.hangup", { channelId = leg.id })
end

function host.originate_all(s, options)
  local legs = {}
  for k, endpoint in ipairs(options.endpoints) do legs[k] = originate(s, endpoint, options) end
  return legs
end

-- Does something with a leg; returns true and the result, or false when the leg hung up in this moment.
function host.unless_over(s, leg, fn, ...)
  local ok, result = host.pcall(fn, ...)
  if not ok and not wait_until(s, function() return leg.over end, TOLD_SECONDS) then error(result, 0) end
  return ok, result
end

function host.hang_up(s, leg, reason)
  if not leg.over then try(s, "channels.hangup", { channelId = leg.id, reason = reason }) end
  host.gone(s, "channel", leg.id)
  s.legs[leg.id] = nil
end

-- What became of them ----------------------------------------------------------------------------------------------

function host.all_over(legs)
  for _, leg in ipairs(legs) do
    if not leg.over then return false end
  end
  return true
end

-- One that has hung up already counts where nobody else may answer any more.
function host.first_answered(legs)
  local none_is_left = host.all_over(legs)
  for _, leg in ipairs(legs) do
    if leg.answered and (none_is_left or not leg.over) then return leg end
  end
  return nil
end

function host.status_of(legs)
  local found = {}
  for _, leg in ipairs(legs) do
    found[leg.over and (leg.status or CAUSES[leg.cause] or "unavailable") or "noanswer"] = true
  end
  for _, status in ipairs(ORDER) do
    if found[status] then return status end
  end
end

-- Listening --------------------------------------------------------------------------------------------------------

-- call:snoop{spy = "both", whisper = "none"}: a channel that hears the caller's; returns its id. It ends with the flow.
host.verb("snoop", function(s, options)
  options = host.options("snoop", options, { spy = true, whisper = true, args = true })
  local id = host.fresh_id(s, "s")
  s.legs[id] = { id = id, digits = {} }
  host.send_channel(s, "snoopChannelWithId", {
    snoopId = id, spy = options.spy or "both", whisper = options.whisper or "none", appArgs = options.args,
  }, "channel", id)
  wait_until(s, function() return s.legs[id].answered end, 5)
  return id
end)
