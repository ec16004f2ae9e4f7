-- Passing the caller on: blind, by the caller's own phone or the dialplan; attended, with a consultation first.

local host = ...

local type, error, find, remove = type, error, string.find, table.remove
local refuse, wait_until, try, send = host.refuse, host.wait_until, host.try, host.send

local BLIND = { attended = true, timeout = true }
local ATTENDED = {
  attended = true, timeout = true, announce = true, accept = true, cancel = true, moh = true, caller_id = true,
  variables = true,
}
local ACCEPT_SECONDS = 10
local REFER_SECONDS = 10

-- Whether a digit is among those that were pressed; takes them.
local function pressed(digits, wanted)
  while #digits > 0 do
    if remove(digits, 1) == wanted then return true end
  end
  return false
end

-- A test whether that digit was pressed since; once true, it stays so.
local function latch(digits, wanted)
  while #digits > 0 do remove(digits) end
  local seen = false
  return function()
    seen = seen or pressed(digits, wanted)
    return seen
  end
end

local function hold(s, options)
  host.send_channel(s, "startMoh", { mohClass = options.moh }, "moh", s.id)
end

local function unhold(s)
  try(s, "channels.stopMoh", { channelId = s.id })
  host.gone(s, "moh", s.id)
end

-- Announced: nobody talks to the caller yet ---------------------------------------------------------------------------

-- Plays to a leg until the end, or until stops() is true.
local function play_to(s, leg, media, stops)
  local started, id = host.unless_over(s, leg, host.start_playback, s, "transfer", media, {}, leg.id)
  if not started then return end
  wait_until(s, function() return stops() or s.playbacks[id] ~= "playing" end)
  if leg.over then s.playbacks[id] = "done" end
  host.stop_playback(s, id)
end

-- Lets the consulted party know, and waits for its digit if it has to accept; whether it takes the call.
local function announce(s, leg, options)
  local accepted = options.accept and latch(leg.digits, options.accept) or function() return true end
  local function settled() return leg.over or options.given_up() or options.accept and accepted() end
  if options.announce then play_to(s, leg, options.announce, settled) end
  if options.accept then wait_until(s, settled, ACCEPT_SECONDS) end
  return not leg.over and not options.given_up() and accepted()
end

local function transfer_announced(s, options)
  options.given_up = latch(s.digits, options.cancel)
  options.ringing = false
  function options.answered(leg)
    local taken = announce(s, s.legs[leg.id], options)
    if taken then unhold(s) end
    return taken
  end
  hold(s, options)
  local status, endpoint = host.dial(s, options)
  if status == "answered" then return status, endpoint end
  unhold(s)
  return status == "rejected" and "cancelled" or status
end

-- Consulted: the party that talks to the caller asks first -----------------------------------------------------------

-- Rings the consulted party; the one who asks hears it. Who hangs up meanwhile leaves it to ring for the caller.
local function ring_for(s, talk, leg, options)
  local tone = host.fresh_id(s, "p")
  local params = { bridgeId = talk.bridge, playbackId = tone, media = host.array { "tone:ring" } }
  send(s, "bridges.playWithId", params, "playback", tone)
  wait_until(s, function() return leg.answered or leg.over or options.given_up() end, options.timeout)
  try(s, "playbacks.stop", { playbackId = tone })
  host.gone(s, "playback", tone)
  return leg.answered and not leg.over and not options.given_up()
end

-- Whether the caller is to be joined with the consulted party, because the one who asked has left.
local function consult(s, talk, leg, options)
  local asker = talk.leg
  if not ring_for(s, talk, leg, options) or not host.unless_over(s, leg, host.join, s, talk, leg.id) then
    return false
  end
  wait_until(s, function() return asker.over or leg.over or options.given_up() end)
  return asker.over and not leg.over
end

local function leave(s, talk, channel)
  try(s, "bridges.removeChannel", { bridgeId = talk.bridge, channel = host.array { channel } })
end

local function put_through(s, talk, leg)
  host.join(s, talk, s.id)
  host.hang_up(s, talk.leg)
  talk.leg = leg
end

local function come_back(s, talk, leg, options)
  local status = leg.answered and "cancelled" or options.given_up() and "cancelled" or host.status_of { leg }
  leave(s, talk, leg.id) -- hanging up takes a moment, in which it would hear the caller
  host.hang_up(s, leg)
  if not talk.leg.over then host.join(s, talk, s.id) end
  return status
end

-- Whether the caller was put through; if not, why.
local function transfer_consulted(s, talk, options)
  options.given_up = latch(talk.leg.digits, options.cancel)
  leave(s, talk, s.id)
  hold(s, options)
  local leg = host.originate_all(s, options)[1]
  local through = consult(s, talk, leg, options)
  unhold(s)
  if not through then return false, come_back(s, talk, leg, options) end
  put_through(s, talk, leg)
  return true
end

local function transfer_attended(s, to, options)
  local given = host.dial_options("transfer", to, options, ATTENDED)
  given.cancel = given.cancel or "*"
  local talk = s.talk
  if not talk or not talk.leg then return transfer_announced(s, given) end
  if talk.consulting then return "cancelled" end -- whoever presses the digit twice is no fault of the script's
  talk.consulting = true
  local ok, through, status = host.pcall(transfer_consulted, s, talk, given)
  talk.consulting = false
  if not ok then error(through, 0) end
  if through then return "answered", talk.leg.endpoint end
  return status
end

-- Blind ------------------------------------------------------------------------------------------------------------

-- Asterisk does not tell what became of it: the phone hangs up when it has called there.
local function transfer_blind(s, to, options)
  local seconds = host.options("transfer", options, BLIND).timeout or REFER_SECONDS
  host.ask(s, "transferring", true)
  local sent, problem = host.pcall(host.send_channel, s, "redirect", { endpoint = to })
  if not sent then
    if type(problem) == "table" and problem.outcome == "not_applied" then host.ask(s, "transferring", false) end
    error(problem, 0)
  end
  wait_until(s, function() return false end, seconds)
  host.ask(s, "transferring", false)
  return false
end

-- call:transfer("PJSIP/300"): the caller's own phone is told to call there (SIP REFER, or 302 before the answer).
-- Returns false when the phone has not done it within `timeout` (10) seconds.
-- call:transfer("PJSIP/300", {attended = true}): the party is rung while the caller hears music. Within call:dial, the
-- party that talks to the caller talks to it first, and puts the caller through by hanging up; otherwise it hears
-- `announce`, and presses `accept`. The digit `cancel` leads back. Returns as call:dial does, or "cancelled".
-- call:transfer{exten = "300", context = "default"}: the dialplan takes over, as with call:continue.
host.verb("transfer", function(s, to, options)
  if type(to) == "table" then
    if options ~= nil then refuse("transfer", "takes one table: call:transfer{exten = \"300\", label = ...}") end
    return s.call:continue(host.options("transfer", to, host.place))
  end
  if type(to) ~= "string" or not find(to, "/", 1, true) then
    refuse("transfer", "takes an endpoint such as \"PJSIP/300\", or {exten = \"300\"}")
  end
  if type(options) == "table" and options.attended then return transfer_attended(s, to, options) end
  return transfer_blind(s, to, options)
end)
