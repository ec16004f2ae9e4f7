-- Other parties: dialled legs, and the bridge in which they talk to the caller.

local host = ...

local type, error, ipairs, tostring = type, error, ipairs, tostring
local gsub, find = string.gsub, string.find
local refuse, wait_until, try, send = host.refuse, host.wait_until, host.try, host.send

local DIAL = {
  endpoints = true, timeout = true, ringing = true, caller_id = true, variables = true, record = true, answered = true,
}
local SPARE = 5 -- seconds that Asterisk rings longer than we let it

-- How a leg that was not answered ended, by Asterisk's dial status or by its Q.850 cause.
local STATUS = { BUSY = "busy", NOANSWER = "noanswer", CONGESTION = "congestion", CHANUNAVAIL = "unavailable" }
local CAUSES = { [17] = "busy", [18] = "noanswer", [19] = "noanswer", [21] = "busy", [34] = "congestion" }
local ORDER = { "busy", "noanswer", "congestion", "unavailable" } -- of several, the first of these is told

-- Events -----------------------------------------------------------------------------------------------------------

local function over(s, event)
  local leg = s.legs[event.channel.id]
  if not leg then return end
  leg.cause = leg.cause or event.cause
  leg.over = true
end
host.observers.ChannelDestroyed = over
host.observers.StasisEnd = over

local replaced = host.observers.StasisStart
function host.observers.StasisStart(s, event)
  replaced(s, event)
  local leg = s.legs[event.channel.id]
  if leg then leg.answered = true end
end

function host.observers.Dial(s, event)
  local leg = s.legs[event.peer.id]
  if leg and STATUS[event.dialstatus] then leg.status = STATUS[event.dialstatus] end
end

function host.observers.ChannelStateChange(s, event)
  if event.channel.id == s.id then s.call.state = event.channel.state end
end

local missed = host.observers["aribridge.gap"]
host.observers["aribridge.gap"] = function(s)
  missed(s)
  for id, leg in pairs(s.legs) do
    if not leg.over then
      local channel = try(s, "channels.get", { channelId = id })
      if not channel then leg.over = true elseif channel.state == "Up" then leg.answered = true end
    end
  end
end

-- Legs -------------------------------------------------------------------------------------------------------------

local function caller_id(s, options)
  if options.caller_id then return options.caller_id end
  local caller = s.call.caller
  return "\"" .. gsub(tostring(caller.name or ""), "[\"\\]", "") .. "\" <" .. tostring(caller.number or "") .. ">"
end

local function start_leg(s, endpoint, options)
  if type(endpoint) ~= "string" then refuse("dial", "takes endpoints such as \"PJSIP/200\"") end
  local leg = { id = host.fresh_id(s, "l"), endpoint = endpoint }
  s.legs[leg.id] = leg
  local ok, problem = host.pcall(send, s, "channels.originate", {
    channelId = leg.id, endpoint = endpoint, appArgs = "dialed", originator = s.id, callerId = caller_id(s, options),
    timeout = math.ceil(options.timeout) + SPARE, variables = options.variables,
  }, "channel", leg.id)
  if not ok then
    if type(problem) ~= "table" or problem.source ~= "asterisk" or not problem.status then error(problem, 0) end
    leg.over, leg.status = true, "unavailable"
  end
  return leg
end

local function hang_up(s, leg, reason)
  if not leg.over then try(s, "channels.hangup", { channelId = leg.id, reason = reason }) end
  host.gone(s, "channel", leg.id)
  s.legs[leg.id] = nil
end

local function ring(s, options)
  if options.ringing == false then return nil end
  if s.call.state == "Up" then return host.start_playback(s, "dial", "tone:ring", {}) end
  host.send_channel(s, "ring")
  return nil
end

local function first_answered(legs)
  for _, leg in ipairs(legs) do
    if leg.answered and not leg.over then return leg end
  end
  return nil
end

local function all_over(legs)
  for _, leg in ipairs(legs) do
    if not leg.over then return false end
  end
  return true
end

local function status_of(legs)
  local found = {}
  for _, leg in ipairs(legs) do
    found[leg.over and (leg.status or CAUSES[leg.cause] or "unavailable") or "noanswer"] = true
  end
  for _, status in ipairs(ORDER) do
    if found[status] then return status end
  end
end

-- Rings all endpoints until one is answered; returns that leg, or nil and the status.
local function ring_all(s, options)
  local legs = {}
  for k, endpoint in ipairs(options.endpoints) do legs[k] = start_leg(s, endpoint, options) end
  local tone = ring(s, options)
  wait_until(s, function() return first_answered(legs) or all_over(legs) end, options.timeout)
  local winner = first_answered(legs)
  local status = winner and "answered" or status_of(legs)
  for _, leg in ipairs(legs) do
    if leg ~= winner then hang_up(s, leg, winner and "answered_elsewhere" or "normal") end
  end
  if tone then host.stop_playback(s, tone) end
  return winner, status
end

-- Talking ----------------------------------------------------------------------------------------------------------

local function join(s, bridge, channel)
  send(s, "bridges.addChannel", { bridgeId = bridge, channel = host.array { channel } })
end

local function record(s, bridge, name)
  local params = { bridgeId = bridge, name = name, format = "wav", ifExists = "overwrite" }
  send(s, "bridges.record", params, "recording", name)
end

local function close(s, bridge, recording)
  if recording then
    try(s, "recordings.stop", { recordingName = recording })
    host.gone(s, "recording", recording)
  end
  try(s, "bridges.destroy", { bridgeId = bridge })
  host.gone(s, "bridge", bridge)
end

-- Bridges the caller and a leg until the leg is gone; when the caller is, that is raised.
local function talk(s, leg, options)
  if s.call.state ~= "Up" then
    host.send_channel(s, "answer")
    s.call.state = "Up"
  end
  if options.answered then options.answered { id = leg.id, endpoint = leg.endpoint } end
  local bridge = host.fresh_id(s, "b")
  send(s, "bridges.createWithId", { bridgeId = bridge, type = "mixing" }, "bridge", bridge)
  join(s, bridge, s.id)
  local ok, problem = host.pcall(join, s, bridge, leg.id)
  if not ok then
    -- It hung up in this moment, or something is wrong: the event tells.
    if not wait_until(s, function() return leg.over end, 2) then error(problem, 0) end
  end
  if ok and options.record then record(s, bridge, options.record) end
  wait_until(s, function() return leg.over end)
  close(s, bridge, ok and options.record)
end

-- call:dial("PJSIP/200", {timeout = 20}), call:dial{endpoints = {"PJSIP/200", "PJSIP/201"}, timeout = 20}: rings all at
-- once; the first that answers talks to the caller, until one of them hangs up.
-- Returns "answered" after the other side hung up, else "busy", "noanswer", "congestion" or "unavailable"; and the
-- endpoint that answered.
host.verb("dial", function(s, what, options)
  if type(what) == "string" then options = options or {} elseif type(what) == "table" and what.endpoints then
    options = what
  elseif type(what) ~= "table" or #what == 0 then
    refuse("dial", "takes an endpoint such as \"PJSIP/200\", or a list of them")
  end
  options = host.options("dial", options, DIAL)
  local endpoints = options.endpoints or what
  if type(endpoints) == "string" then endpoints = { endpoints } end
  local given = {}
  for name, value in pairs(options) do given[name] = value end
  given.endpoints, given.timeout = endpoints, options.timeout or 30
  local leg, status = ring_all(s, given)
  if not leg then return status end
  talk(s, leg, given)
  hang_up(s, leg)
  return "answered", leg.endpoint
end)

-- Passing on -------------------------------------------------------------------------------------------------------

-- call:transfer("PJSIP/300"): the caller's own phone is told to call there (SIP REFER, or 302 before the answer).
-- call:transfer{exten = "300", context = "default"}: the dialplan takes over, as with call:continue.
-- Returns false when the phone did not do it within ten seconds.
host.verb("transfer", function(s, to)
  if type(to) == "table" then return s.call:continue(to) end
  if type(to) ~= "string" or not find(to, "/", 1, true) then
    refuse("transfer", "takes an endpoint such as \"PJSIP/300\", or {exten = \"300\"}")
  end
  host.send_channel(s, "redirect", { endpoint = to })
  return wait_until(s, function() return false end, 10)
end)

-- Listening --------------------------------------------------------------------------------------------------------

-- call:snoop{spy = "both", whisper = "none"}: a channel that hears the caller's; returns its id. It ends with the flow.
host.verb("snoop", function(s, options)
  options = host.options("snoop", options, { spy = true, whisper = true, args = true })
  local id = host.fresh_id(s, "s")
  s.legs[id] = { id = id }
  host.send_channel(s, "snoopChannelWithId", {
    snoopId = id, spy = options.spy or "both", whisper = options.whisper or "none", appArgs = options.args,
  }, "channel", id)
  wait_until(s, function() return s.legs[id].answered end, 5)
  return id
end)
