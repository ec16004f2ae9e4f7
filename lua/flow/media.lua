-- What the caller hears, says and presses.

local host = ...

local type, error, tostring, ipairs, pairs = type, error, tostring, ipairs, pairs
local concat, remove, find, match = table.concat, table.remove, string.find, string.match
local refuse, wait_until, try, is_gone = host.refuse, host.wait_until, host.try, host.is_gone

local LOST_SECONDS = 3 -- after which it is looked at whether a playback is still there
local TELL_SECONDS = 2 -- in which Asterisk tells why it is not

local SAY = { interrupt = true, lang = true, offset = true }
local PLAY = { media = true, interrupt = true, lang = true, offset = true }
local READ = { prompt = true, max = true, timeout = true, terminator = true, lang = true }
local RECORD = {
  name = true, format = true, max = true, silence = true, beep = true, terminator = true, if_exists = true,
}

local FORMS = {
  play = "call:play({\"sound:a\", \"sound:b\"}, {interrupt = true})",
  read = "call:read{prompt = {\"sound:a\", \"sound:b\"}, lang = \"de\"}",
  transfer = "call:transfer(\"PJSIP/300\", {attended = true, announce = {\"sound:a\", \"sound:b\"}, accept = \"1\"})",
}

host.verb("answer", function(s)
  host.send_channel(s, "answer")
  s.call.state = "Up"
end)

-- The caller hears ringing until the call is answered.
host.verb("ring", function(s) host.send_channel(s, "ring") end)

host.verb("moh", function(s, class)
  if class == false then
    try(s, "channels.stopMoh", { channelId = s.id })
    return host.gone(s, "moh", s.id)
  end
  host.send_channel(s, "startMoh", { mohClass = class }, "moh", s.id)
end)

-- Playing ----------------------------------------------------------------------------------------------------------

function host.observers.PlaybackFinished(s, event)
  local id = event.playback.id
  if s.playbacks[id] then s.playbacks[id] = event.playback.state end
end

local function look_at_recording(s, name)
  local gone = is_gone(s, "recordings.getLive", { recordingName = name })
  if gone and s.recordings[name] == "recording" then s.recordings[name] = { name = name, state = "done" } end
end

host.observers["aribridge.gap"] = function(s)
  for id, state in pairs(host.copy(s.playbacks)) do
    if state == "playing" and is_gone(s, "playbacks.get", { playbackId = id }) and s.playbacks[id] then
      s.playbacks[id] = "done"
    end
  end
  for name, state in pairs(host.copy(s.recordings)) do
    if state == "recording" then look_at_recording(s, name) end
  end
end

-- Media as a script names it: "sound:beep", or a list.
local function media_of(verb, media)
  local list = type(media) == "string" and { media } or media
  if type(list) ~= "table" or #list == 0 then refuse(verb, "takes media such as \"sound:beep\", or a list of them") end
  host.check_list(verb, list, FORMS[verb] or FORMS.play)
  for _, uri in ipairs(list) do
    if type(uri) ~= "string" or not find(uri, "^%l+:.") then
      refuse(verb, "'" .. tostring(uri) .. "' is no media: sound:, recording:, tone:, number:, digits: or characters:")
    end
  end
  return host.array(list)
end

local function finish(s, id)
  local state = s.playbacks[id]
  s.playbacks[id] = nil
  host.gone(s, "playback", id)
  return state
end

-- To the caller, or to another channel of the flow's.
local function start(s, verb, media, options, channel)
  local id = host.fresh_id(s, "p")
  s.playbacks[id] = "playing"
  host.send(s, "channels.playWithId", {
    channelId = channel or s.id, playbackId = id, media = media_of(verb, media),
    lang = options.lang, offsetms = options.offset,
  }, "playback", id)
  return id
end
host.start_playback = start

local function stop(s, id)
  if s.playbacks[id] == "playing" then
    try(s, "playbacks.stop", { playbackId = id })
    wait_until(s, function() return s.playbacks[id] ~= "playing" end, 5)
  end
  return finish(s, id)
end
host.stop_playback = stop

-- Asterisk forgets what is to be played to a caller who is just being taken out of a bridge, and never tells of it.
local function is_lost(s, id)
  if not is_gone(s, "playbacks.get", { playbackId = id }) then return false end
  wait_until(s, function() return s.playbacks[id] ~= "playing" end, TELL_SECONDS)
  return s.playbacks[id] == "playing"
end

-- Waits until done() is true. Once another channel has taken the caller's place, what is told of the one before does
-- not come here: what began on it is looked at from time to time.
local function await(s, channel, done, look)
  wait_until(s, function() return done() or s.id ~= channel end)
  while not wait_until(s, done, LOST_SECONDS) do look() end
end

-- Plays until the end, or until stops() is true; returns "done", "failed" or "interrupted".
local function play(s, verb, media, options, stops)
  local channel, id = s.id, start(s, verb, media, options)
  local function settled() return s.playbacks[id] ~= "playing" or stops() end
  local function look()
    if is_lost(s, id) then s.playbacks[id] = "failed" end
  end
  if not wait_until(s, settled, LOST_SECONDS) then
    look()
    await(s, channel, settled, look)
  end
  if s.playbacks[id] ~= "playing" then return finish(s, id) end
  stop(s, id)
  return "interrupted"
end

-- A test whether a digit interrupts: `interrupt` is true for all of them, or a string of those that do.
local function interrupter(s, interrupt)
  if not interrupt then return function() return false end end
  return function()
    local digit = s.digits[1]
    while digit and interrupt ~= true and not find(interrupt, digit, 1, true) do
      remove(s.digits, 1)
      digit = s.digits[1]
    end
    return digit ~= nil
  end
end

local function say(verb)
  return function(s, media, options, names)
    options = host.options(verb, options, names or SAY)
    local state = play(s, verb, media, options, interrupter(s, options.interrupt))
    if state == "interrupted" then return remove(s.digits, 1), state end
    return nil, state
  end
end

local say_media = say("play")

-- call:play("sound:beep"), call:play{"sound:a", "sound:b"}, call:play{media = ..., interrupt = "12", lang = "de"}.
-- Returns the digit that interrupted it, or nil; and "done", "failed" or "interrupted".
host.verb("play", function(s, what, options)
  if type(what) == "table" and #what == 0 then
    if options ~= nil then refuse("play", "takes options in one table: call:play{media = ..., interrupt = true}") end
    return say_media(s, what.media, what, PLAY)
  end
  return say_media(s, what, options)
end)

local say_digits, say_number = say("say_digits"), say("say_number")

host.verb("say_digits", function(s, digits, options)
  if not match(tostring(digits), "^[%d*#]+$") then refuse("say_digits", "takes digits, * and #") end
  return say_digits(s, "digits:" .. tostring(digits), options)
end)

host.verb("say_number", function(s, number, options)
  if math.type(number) ~= "integer" then refuse("say_number", "takes a whole number") end
  return say_number(s, "number:" .. number, options)
end)

-- Reading ----------------------------------------------------------------------------------------------------------

-- Takes digits from those that came, up to `max` or the terminator; returns why it is complete, or nil.
local function collect(s, into, max, terminator)
  while #into < max and #s.digits > 0 do
    local digit = remove(s.digits, 1)
    if digit == terminator then return "terminator" end
    into[#into + 1] = digit
  end
  return #into >= max and "max" or nil
end

-- call:read{prompt = ..., max = 4, timeout = 8, terminator = "#"}: plays the prompt, which the first digit ends, and
-- takes digits. `timeout` is in seconds, for each digit, from the end of the prompt on.
-- Returns the digits, "" when there were none; and "max", "terminator" or "timeout".
host.verb("read", function(s, options)
  options = host.options("read", options, READ)
  local max, terminator = options.max or 255, options.terminator or "#"
  if math.type(max) ~= "integer" or max < 1 then refuse("read", "max is a whole number from 1 on") end
  if options.prompt then play(s, "read", options.prompt, options, function() return #s.digits > 0 end) end
  local digits, why = {}, nil
  repeat
    local more = wait_until(s, function() return #s.digits > 0 end, options.timeout or 5)
    why = more and collect(s, digits, max, terminator) or (not more and "timeout") or nil
  until why
  return concat(digits), why
end)

-- Recording --------------------------------------------------------------------------------------------------------

local function recorded(s, event)
  if s.recordings[event.recording.name] then s.recordings[event.recording.name] = event.recording end
end
host.observers.RecordingFinished = recorded
host.observers.RecordingFailed = recorded

-- Asterisk 16 tells that a recording is done before it lets another one have its name.
local function start_recording(s, name, params)
  for _ = 1, 10 do
    local ok, problem = host.pcall(host.send_channel, s, "record", params, "recording", name)
    if ok then return end
    if type(problem) ~= "table" or problem.status ~= 409 then error(problem, 0) end
    wait_until(s, function() return false end, 0.1)
  end
  host.send_channel(s, "record", params, "recording", name)
end

-- Takes the digit that ended a recording, which began after so many: it was not pressed for what comes next.
local function take_terminator(s, terminator, before)
  for k = before + 1, #s.digits do
    if terminator == "any" or s.digits[k] == terminator then return remove(s.digits, k) end
  end
end

-- call:record{name = "greeting", max = 60, silence = 3, beep = true, terminator = "#"}: seconds, until one of these.
-- Returns the recording as Asterisk describes it; nil and the reason when it failed.
host.verb("record", function(s, options)
  options = host.options("record", options, RECORD)
  local name = options.name
  if type(name) ~= "string" then refuse("record", "needs a name: call:record{name = \"greeting\"}") end
  local terminator, before, channel = options.terminator or "#", #s.digits, s.id
  s.recordings[name] = "recording"
  start_recording(s, name, {
    name = name, format = options.format or "wav", maxDurationSeconds = options.max or 60,
    maxSilenceSeconds = options.silence, beep = options.beep, ifExists = options.if_exists or "overwrite",
    terminateOn = terminator,
  })
  local function done() return s.recordings[name] ~= "recording" end
  await(s, channel, done, function() look_at_recording(s, name) end)
  take_terminator(s, terminator, before)
  local recording = s.recordings[name]
  s.recordings[name] = nil
  host.gone(s, "recording", name)
  if recording.state == "failed" then return nil, recording.cause or "failed" end
  return recording
end)
