-- What a script for Janus's Lua plugin is called with, and what it may call
-- (https://janus.conf.meetecho.com/docs/lua.html). Loaded for such scripts alone, after the other files.
--
-- Each callback is an entry; staged are the time and an array of the arguments; the result is an array of what the
-- callback returned. What is asked for without waiting goes through host.emit, numbers of sessions as Janus has them.

local host = ...

local env = host.env
local type, error, select, tonumber, tostring, next = type, error, select, tonumber, tostring, next
local rawget, unpack, pack, sub, gsub, lower = rawget, table.unpack, table.pack, string.sub, string.gsub, string.lower
local utf8_len, huge = utf8.len, math.huge

local MAX_TIMERS = 1000
local MAX_LOG = 8000

host.hook_names = {}
for name in string.gmatch([[
  init destroy createSession destroySession querySession handleMessage setupMedia hangupMedia resumeScheduler
  getVersion getVersionString getDescription getName getAuthor getPackage handleAdminMessage
  incomingRtp incomingRtcp incomingTextData incomingBinaryData incomingData dataReady
  slowLink substreamChanged temporalLayerChanged dataChannelOpen dataChannelClose
]], "%w+") do
  host.hook_names[name] = true
end

host.requires_late = true -- as everywhere but here

local sessions = {} -- by number: ready (a data channel is open), media (what configureMedium said), recipients

local function session_of(id)
  return id ~= nil and sessions[tonumber(id)] or nil
end

-- Like host.emit, for strings that may be no text.
local function emit_bytes(...)
  host.any_bytes = true
  local ok, problem = host.pcall(host.emit, ...)
  host.any_bytes = false
  if not ok then error(problem, 0) end
end

-- Callbacks

local function arguments()
  local values = host.arguments().values
  host.set_time(values[1])
  local list = values[2]
  local n = #list
  for k = 1, n do
    if list[k] == host.null then list[k] = nil end
  end
  return unpack(list, 1, n)
end

local SCALAR = { string = true, number = true, boolean = true }

-- What a callback returned; what is neither text, number nor boolean counts as nil, as all of Janus takes it.
local function results(...)
  local list = host.array {}
  for k = 1, select("#", ...) do
    list[k] = (select(k, ...))
    if not SCALAR[type(list[k])] then list[k] = host.null end
  end
  return list
end

-- By its present value: a script may define a callback anew at any time.
local function callback(name)
  local fn = rawget(env, name)
  return type(fn) == "function" and fn or nil
end

local function call(name, ...)
  local fn = callback(name)
  if fn then return results(fn(...)) end
  return results()
end

for name in next, host.hook_names do
  host.entries[name] = function() return call(name, arguments()) end
end

function host.entries.createSession()
  local id = arguments()
  sessions[tonumber(id)] = { ready = false, media = {}, recipients = {} }
  return call("createSession", id)
end

-- A session is gone, whatever became of destroySession.
function host.entries.forget_session()
  local id = tonumber((arguments()))
  sessions[id] = nil
  for _, session in next, sessions do session.recipients[id] = nil end
end

function host.entries.hangupMedia()
  local id = arguments()
  local session = session_of(id)
  if session then session.ready, session.media, session.recipients = false, {}, {} end
  return call("hangupMedia", id)
end

function host.entries.dataReady()
  local id = arguments()
  local session = session_of(id)
  if session then session.ready = true end
  return call("dataReady", id)
end

local function takes(session, direction)
  return session.media["data " .. direction] == true
end

-- Where the script has no callback for data, its recipients get it, as far as configureMedium lets them.
local function relay_to_recipients(id, is_text, data)
  local session = session_of(id)
  if not session or not takes(session, "out") then return end
  local to = host.array {}
  for recipient in next, session.recipients do
    local other = sessions[recipient]
    if other and other.ready and takes(other, "in") then to[#to + 1] = recipient end
  end
  if to[1] then emit_bytes("relay", to, is_text, data, "", "") end
end

local function incoming(name, is_text, older)
  host.entries[name] = function()
    local id, data, length, label, protocol = arguments()
    local fn = callback(name) or older and callback(older)
    if not fn then return relay_to_recipients(id, is_text, data) end
    fn(id, data, length, label, protocol)
  end
end
incoming("incomingTextData", true, "incomingData")
incoming("incomingBinaryData", false)

local timers = 0

function host.entries.timeCallback()
  local name, argument = arguments()
  timers = timers - 1
  local fn = callback(name)
  if not fn then error("timeCallback: the script has no function " .. name, 0) end
  fn(argument)
end

-- Functions for the script

local function refuse(name, why)
  host.emit("log", "warning", name .. ": " .. why, { where = host.where(2) })
  return -1
end

-- A function that takes that many arguments, the first of them a session; anything else is -1, as in Janus.
local function about_session(name, least, most, fn)
  env[name] = function(...)
    local n = select("#", ...)
    if n < least or n > most then return refuse(name, "takes " .. least .. " arguments, got " .. n) end
    local session = session_of((...))
    if not session then return refuse(name, "no session " .. tostring((...))) end
    return fn(session, ...)
  end
end

local LEVELS = { [1] = "error", [2] = "error", [3] = "warning", [4] = "info" }

function env.janusLog(level, text)
  text = gsub(sub(tostring(text), 1, MAX_LOG), "\27%[[%d;]*m", "")
  emit_bytes("log", LEVELS[tonumber(level)] or "debug", text, {})
end

function env.pokeScheduler()
  host.emit("poke")
  return 0
end

function env.timeCallback(...)
  local name, argument, milliseconds = ...
  milliseconds = tonumber(milliseconds)
  if select("#", ...) ~= 3 or type(name) ~= "string" or not milliseconds
    or not (milliseconds >= 0 and milliseconds < huge) then
    return refuse("timeCallback", "takes the name of a function, its argument or nil, and milliseconds from 0 on")
  end
  if timers >= MAX_TIMERS then return refuse("timeCallback", "more than " .. MAX_TIMERS .. " are waiting") end
  if argument ~= nil then argument = tostring(argument) end
  emit_bytes("time", name, argument, milliseconds)
  timers = timers + 1
  return 0
end

local sendable = { null = host.null, array = host.array, depth = host.json.MAX_DEPTH, finite = true }

-- The object that a text is the JSON of.
local function parsed(text)
  if type(text) ~= "string" or not utf8_len(text) then return nil end
  local ok, value = host.pcall(host.json.decode, text, sendable)
  return ok and type(value) == "table" and not host.is_array(value) and value or nil
end

about_session("pushEvent", 4, 4, function(_, id, transaction, event, jsep)
  if not parsed(event) then return refuse("pushEvent", "the event is not a JSON object") end
  if jsep ~= nil then
    local description = parsed(jsep)
    if not description or type(description.type) ~= "string" or type(description.sdp) ~= "string" then
      return refuse("pushEvent", "the jsep is not a JSON object with type and sdp")
    end
  end
  if transaction ~= nil then transaction = tostring(transaction) end
  host.emit("push", tonumber(id), transaction, event, jsep)
  return 0
end)

-- There are no event handlers here; Janus says 0 without any, too.
function env.notifyEvent(...)
  return select("#", ...) == 2 and 0 or -1
end

function env.eventsIsEnabled() return 0 end

about_session("closePc", 1, 1, function(_, id)
  host.emit("close_pc", tonumber(id))
  return 0
end)

about_session("endSession", 1, 1, function(_, id)
  host.emit("end_session", tonumber(id))
  return 0
end)

local MEDIA, DIRECTIONS = { audio = true, video = true, data = true }, { ["in"] = true, out = true }

about_session("configureMedium", 4, 4, function(session, _, medium, direction, on)
  medium, direction = lower(tostring(medium)), lower(tostring(direction))
  if not MEDIA[medium] or not DIRECTIONS[direction] then
    return refuse("configureMedium", "takes audio, video or data, and in or out")
  end
  session.media[medium .. " " .. direction] = on and true or false
  return 0
end)

about_session("addRecipient", 2, 2, function(session, _, recipient)
  if not session_of(recipient) then return refuse("addRecipient", "no session " .. tostring(recipient)) end
  session.recipients[tonumber(recipient)] = true
  return 0
end)

about_session("removeRecipient", 2, 2, function(session, _, recipient)
  if not session_of(recipient) then return refuse("removeRecipient", "no session " .. tostring(recipient)) end
  session.recipients[tonumber(recipient)] = nil
  return 0
end)

local function relay(name, is_text)
  about_session(name, 3, 5, function(session, id, data, length, label, protocol)
    length = tonumber(length)
    if type(data) ~= "string" or not length or not (length > 0) then
      return refuse(name, "takes a string and its length, more than 0")
    end
    if not session.ready then return -1 end
    if length < #data then data = sub(data, 1, length // 1 | 0) end
    emit_bytes("relay", { tonumber(id) }, is_text, data, tostring(label or ""), tostring(protocol or ""))
    return 0
  end)
end
relay("relayTextData", true)
relay("relayBinaryData", false)
relay("relayData", true)

function env.testExtraFunction() return 1234 end

-- What needs audio and video, which this gateway does not carry.
local told = {}
for name in string.gmatch([[
  setBitrate setPliFreq setSubstream setTemporalLayer sendPli relayRtp relayRtcp startRecording stopRecording
]], "%w+") do
  env[name] = function()
    if not told[name] then
      told[name] = true
      host.emit("missing", name, host.where(2))
    end
    return -1
  end
end

-- Scripts set the path of their modules; here the setting does. And what Debian's Lua 5.3 still has.
env.package = { path = "", cpath = "", loaded = {} }
env.bit32 = host.loaded.bit32
function env.math.pow(x, y) return x ^ y end
function env.math.log10(x) return env.math.log(x, 10) end
function env.math.ldexp(x, exponent) return x * 2.0 ^ exponent end

-- The scheduler: resumeScheduler resumes each of the script's coroutines once and forgets it. One that waits must not
-- hold up the others, so it goes on as a task; elsewhere who resumes a coroutine waits for it, and gets its results.

local raw_resume, raw_yield, raw_close = coroutine.resume, coroutine.yield, coroutine.close
local raw_status, running = coroutine.status, coroutine.running
local WAIT, settled = host.WAIT, host.settled

local schedulers = setmetatable({}, { __mode = "k" }) -- coroutines that run resumeScheduler
local awaiting = setmetatable({}, { __mode = "k" }) -- coroutines of the script's that wait for the gateway
local asked -- the last thing that was waited for

local stage, raw_wait = host.stage, host.wait

function host.stage(...)
  host.any_bytes = false
  return stage(...)
end

local function wait(operation, ...)
  host.any_bytes = operation == "socket.http" -- until the answer is staged
  return raw_wait(operation, ...)
end

function host.wait(...)
  asked = pack(...)
  return wait(...)
end

local forward

local function go_on(co, request)
  local ok, value = host.pcall(wait, unpack(request, 1, request.n))
  awaiting[co] = nil
  if raw_status(co) == "dead" then return end
  local fine, problem = forward(co, raw_resume(co, ok, value))
  if not fine then error(problem, 0) end
end

function forward(co, ok, first, ...)
  if not ok or first ~= WAIT then return settled(ok, first, ...) end
  awaiting[co] = true
  if schedulers[running()] then
    host.loaded.task.spawn(go_on, co, asked)
    return true
  end
  local answer, value = raw_yield(WAIT)
  awaiting[co] = nil
  return forward(co, raw_resume(co, answer, value))
end

local library = env.coroutine

function library.resume(co, ...)
  if awaiting[co] then return false, "cannot resume non-suspended coroutine" end
  return forward(co, raw_resume(co, ...))
end

local function unwrap(co, ok, ...)
  if ok then return ... end
  raw_close(co)
  error((...), 0)
end

function library.wrap(fn)
  local co = host.create(fn)
  return function(...) return unwrap(co, library.resume(co, ...)) end
end

function library.status(co)
  return awaiting[co] and "normal" or raw_status(co)
end

function host.entries.resumeScheduler()
  arguments()
  schedulers[running()] = true
  return call("resumeScheduler")
end
