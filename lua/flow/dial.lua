-- Other parties: they are rung, and the one that answers talks to the caller in a bridge.

local host = ...

local type, error, pairs, ipairs, remove = type, error, pairs, ipairs, table.remove
local refuse, wait_until, try, send = host.refuse, host.wait_until, host.try, host.send

local DIAL = {
  endpoints = true, timeout = true, ringing = true, early_media = true, caller_id = true, variables = true,
  record = true, answered = true, connected = true,
}

local MAX_EARLY = 100 -- events that wait until their channel is connected

local FORM = "call:dial({\"PJSIP/200\", \"PJSIP/201\"}, {timeout = 20}), or call:dial{endpoints = ..., timeout = 20}"

-- Bridges ----------------------------------------------------------------------------------------------------------

-- Asterisk is to look at the digits of both sides, so that scripts hear of them.
local TYPE = "mixing,dtmf_events"
local TELL_SECONDS = 2 -- after which it is taken to be so: events may be missed

local function open(s, talk)
  if talk.bridge then return end
  talk.bridge = host.fresh_id(s, "b")
  send(s, "bridges.createWithId", { bridgeId = talk.bridge, type = TYPE }, "bridge", talk.bridge)
end

local function join(s, talk, channel)
  send(s, "bridges.addChannel", { bridgeId = talk.bridge, channel = host.array { channel } })
end
host.join = join

function host.observers.ChannelEnteredBridge(s, event)
  s.bridged[event.bridge.id] = event.bridge.channels
end

-- Waits until Asterisk has told that the caller and a leg are in the bridge; false when the leg has left before that.
local function is_together(s, talk, leg)
  local function are_there()
    local found = 0
    for _, channel in ipairs(s.bridged[talk.bridge] or {}) do
      if channel == s.id or channel == leg.id then found = found + 1 end
    end
    return found == 2
  end
  wait_until(s, function() return are_there() or leg.over end, TELL_SECONDS)
  return are_there() or not leg.over
end

-- Has the caller and a leg in one bridge; false when the leg hung up in this moment.
local function meet(s, talk, leg)
  open(s, talk)
  join(s, talk, s.id)
  return host.unless_over(s, leg, join, s, talk, leg.id)
end

local function record(s, talk, name)
  talk.recording = name
  local params = { bridgeId = talk.bridge, name = name, format = "wav", ifExists = "overwrite" }
  send(s, "bridges.record", params, "recording", name)
end

local function close(s, talk)
  if talk.recording then
    try(s, "recordings.stop", { recordingName = talk.recording })
    host.gone(s, "recording", talk.recording)
  end
  if talk.bridge then
    -- What is played to a caller whom Asterisk has not done with taking out of a bridge is never heard, nor told over.
    -- It has done so once this is answered, which does not hold for the end of the bridge.
    try(s, "bridges.removeChannel", { bridgeId = talk.bridge, channel = host.array { s.id } })
    try(s, "bridges.destroy", { bridgeId = talk.bridge })
    host.gone(s, "bridge", talk.bridge)
    s.bridged[talk.bridge] = nil
  end
end

-- Ringing ----------------------------------------------------------------------------------------------------------

-- What the called network says before the answer can be heard of one endpoint alone, as with Dial in the dialplan, and
-- where the script has nothing else in mind for the caller.
local function hears_network(options)
  return #options.endpoints == 1 and options.ringing ~= false and options.early_media ~= false and not options.answered
end

-- Lets the caller hear ringing; what is to be stopped then.
local function ring(s, options)
  if options.ringing == false then return nil end
  if s.call.state == "Up" then return host.start_playback(s, "dial", "tone:ring", {}) end
  host.send_channel(s, "ring")
  return nil
end

-- Rings one endpoint in a bridge with the caller. A caller who is answered hears our ringing until the other side's
-- network says something; others hear what it says from the start, its ringing included.
local function ring_early(s, options, talk)
  local leg = host.create_leg(s, options.endpoints[1], options)
  local legs = { leg }
  talk.legs = legs
  local tone = ring(s, options)
  if not tone and not leg.over then meet(s, talk, leg) end
  host.ring(s, leg, options)
  local function settled() return leg.answered or leg.over end
  local _, left = wait_until(s, function() return settled() or tone and leg.progress end, options.timeout)
  if tone then host.stop_playback(s, tone) end
  if tone and left and not settled() and meet(s, talk, leg) then wait_until(s, settled, left) end
  return legs
end

local function ring_all(s, options, talk)
  local legs = host.originate_all(s, options)
  talk.legs = legs
  local tone = ring(s, options)
  local given_up = options.given_up or function() return false end
  wait_until(s, function() return host.first_answered(legs) or host.all_over(legs) or given_up() end, options.timeout)
  if tone then host.stop_playback(s, tone) end
  return legs
end

-- Rings all endpoints until one is answered; returns that leg, or nil and the status.
local function call_all(s, options, talk)
  local legs = hears_network(options) and ring_early(s, options, talk) or ring_all(s, options, talk)
  local winner = host.first_answered(legs)
  local cancelled = options.given_up and options.given_up()
  local status = winner and "answered" or cancelled and "cancelled" or host.status_of(legs)
  for _, leg in ipairs(legs) do
    if leg ~= winner then host.hang_up(s, leg, winner and "answered_elsewhere" or "normal") end
  end
  return winner, status
end

-- A leg as scripts see it.
local function told(leg) return { id = leg.id, endpoint = leg.endpoint } end

-- Talking ----------------------------------------------------------------------------------------------------------

-- Whether an event comes from a party that has answered, and that nobody has connected to the caller yet: handlers are
-- to hear of it then. A transfer that such a party asks for at once would be another one otherwise.
function host.is_early(s, event)
  local talk = s.talk
  if not talk or not talk.legs or talk.leg or talk.is_asked or not host.first_answered(talk.legs) then return false end
  local leg = event.channel and s.legs[event.channel.id]
  if not leg or not s.handlers[event.type] then return false end
  if #talk.early >= MAX_EARLY then remove(talk.early, 1) end
  talk.early[#talk.early + 1] = event
  return true
end

local function hear_early(s, talk)
  while #talk.early > 0 do
    local event = remove(talk.early, 1)
    local handler = s.handlers[event.type]
    if handler then handler(event) end
  end
end

-- Has the caller and a leg talk until the leg, or the one that a transfer put in its place, is gone; when the caller
-- is, that is raised. Returns the leg that was there last.
local function converse(s, talk, leg, options)
  local together = (talk.bridge or meet(s, talk, leg)) and is_together(s, talk, leg)
  talk.leg = leg
  if together then
    if options.record and not leg.over then record(s, talk, options.record) end
    if options.connected then options.connected(told(leg)) end
  end
  hear_early(s, talk)
  wait_until(s, function() return talk.leg.over and not talk.consulting end)
  return talk.leg
end

-- Whether the script lets the two be connected.
local function is_wanted(talk, leg, options)
  if not options.answered then return true end
  talk.is_asked = true
  local wanted = options.answered(told(leg)) ~= false
  talk.is_asked = false
  return wanted
end

local function connect(s, leg, options, talk)
  if s.call.state ~= "Up" then
    host.send_channel(s, "answer")
    s.call.state = "Up"
  end
  if not is_wanted(talk, leg, options) then
    host.hang_up(s, leg)
    return "rejected"
  end
  leg = converse(s, talk, leg, options)
  host.hang_up(s, leg)
  return "answered", leg
end

local function dial(s, options, talk)
  local leg, status = call_all(s, options, talk)
  if leg then status, leg = connect(s, leg, options, talk) end
  talk.legs, talk.leg = nil, nil
  close(s, talk)
  if leg then return status, leg.endpoint end
  return status
end

-- `options` as of call:dial, `endpoints` and `timeout` among them. Meanwhile s.talk has the `legs` that are called,
-- the `leg` that is connected to the caller, and the `early` events.
function host.dial(s, options)
  local around, talk = s.talk, { early = {} }
  s.talk = talk
  local function finish(ok, ...)
    s.talk = around
    if not ok then error((...), 0) end
    return ...
  end
  return finish(host.pcall(dial, s, options, talk))
end

-- The options of a verb that dials, from what the script gave it.
function host.dial_options(verb, what, options, names)
  if type(what) == "table" and what.endpoints then
    if options ~= nil then refuse(verb, "takes options in one table, the one that has the endpoints: " .. FORM) end
    options = what
  elseif type(what) == "table" and #what > 0 then
    host.check_list(verb, what, FORM)
  elseif type(what) ~= "string" then
    refuse(verb, "takes an endpoint such as \"PJSIP/200\", or a list of them")
  end
  if options and options ~= what and type(options) == "table" and options.endpoints then
    refuse(verb, "takes endpoints once: " .. FORM)
  end
  options = host.options(verb, options, names)
  local given = {}
  for name, value in pairs(options) do given[name] = value end
  given.endpoints, given.timeout = options.endpoints or what, options.timeout or 30
  if type(given.endpoints) == "string" then given.endpoints = { given.endpoints } end
  for _, endpoint in ipairs(given.endpoints) do
    if type(endpoint) ~= "string" then refuse(verb, "takes endpoints such as \"PJSIP/200\"") end
  end
  return given
end

-- call:dial("PJSIP/200", {timeout = 20}), call:dial{endpoints = {"PJSIP/200", "PJSIP/201"}, timeout = 20}: rings all at
-- once; the first that answers talks to the caller, until one of them hangs up.
-- Returns "answered" after the other side hung up, else "busy", "noanswer", "congestion" or "unavailable"; and the
-- endpoint that the caller talked to last. "rejected": the script's `answered` returned false.
host.verb("dial", function(s, what, options)
  return host.dial(s, host.dial_options("dial", what, options, DIAL))
end)
