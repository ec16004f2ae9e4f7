-- The `call` of a flow: what it knows, and how its verbs wait. The verbs are in the other files of this folder.
--
-- A verb asks Asterisk for something and then takes the events of the call's channels, one pump after another, until
-- what it waits for has come about. Every event is noted here first, whichever verb is waiting, so that verbs may be
-- nested and may run side by side.

local host = ...

local type, error, setmetatable, pairs, ipairs, next = type, error, setmetatable, pairs, ipairs, next
local remove, lower = table.remove, string.lower

local MAX_DIGITS = 100

local CALL = { __name = "call", __metatable = false }
CALL.__index = CALL

local states = setmetatable({}, { __mode = "k" }) -- what scripts cannot write

local function ended(s)
  local detail = "the call has left this script, by call:" .. s.ended .. "()"
  return host.problem { code = "ended", detail = detail, source = "script", status = 409, outcome = "not_applied" }
end

-- What the gateway knows of a call, for a verb.
local function state_of(call, verb)
  local s = states[call]
  if not s then error("call:" .. verb .. "(...) is a method: call it with a colon", 0) end
  if s.ended then error(ended(s), 0) end
  return s
end

-- Defines a verb: fn(state, ...).
function host.verb(name, fn)
  CALL[name] = function(call, ...) return fn(state_of(call, name), ...) end
end

local function refuse(verb, what)
  error("call:" .. verb .. ": " .. what, 0)
end
host.refuse = refuse

-- A table of options; `names` are those that there are, so that a misspelt one does not go unnoticed.
function host.options(verb, options, names)
  if options == nil then return {} end
  if type(options) ~= "table" then refuse(verb, "options come as a table: {timeout = 20}") end
  for name in pairs(options) do
    if type(name) ~= "string" then refuse(verb, "options have names: {timeout = 20}") end
    if not names[name] then refuse(verb, "has no option " .. name) end
  end
  return options
end

-- A list of what a verb takes; `form` shows where options go, which nobody would read in it.
function host.check_list(verb, list, form)
  for key in pairs(list) do
    if type(key) == "string" then refuse(verb, key .. " is an option, and goes beside the list: " .. form) end
  end
end

-- A copy to walk through, where what is walked through waits: the table may change meanwhile.
function host.copy(map)
  local copied = {}
  for key, value in pairs(map) do copied[key] = value end
  return copied
end

-- A fresh id for something that is made for this call.
function host.fresh_id(s, kind)
  s.made = s.made + 1
  return s.flow .. "-" .. kind .. s.made
end

-- What a verb made is gone, or has been removed.
function host.gone(s, kind, id)
  host.wait("flow", s.flow, "drop", kind, id)
end

host.observers = {} -- by type of event: fn(state, event)

local function note(s, event)
  local observer = host.observers[event.type]
  if observer then observer(s, event) end
  if host.is_early(s, event) then return end
  local handler = s.handlers[event.type]
  if handler then handler(event) end
end

-- Keeps what another run has not been given already: several may wait at once.
local function keep(s, events, last)
  for k, event in ipairs(events) do
    local number = last - #events + k
    if number > s.seen then s.events[number], s.seen = event, number end
  end
end

-- In their order, whoever was given them: a handler that waits in here sees what came after its own event, too.
local function note_kept(s)
  while s.noted < s.seen do
    s.noted = s.noted + 1
    local event = s.events[s.noted]
    s.events[s.noted] = nil
    if event then note(s, event) end
  end
end

-- Takes what has happened, and waits for something to happen first when nothing has, for `seconds` at most.
local function pump(s, seconds)
  local taken = host.wait("flow", s.flow, "pump", s.noted < s.seen and 0 or seconds, s.seen)
  if taken.gone then
    error(host.problem { code = taken.gone, detail = "the call is gone", source = "script", outcome = "not_applied" })
  end
  s.ended = s.ended or taken.ended
  if taken.events then
    s.now = taken.now
    keep(s, taken.events, taken.last)
    note_kept(s)
  end
  if s.ended then error(ended(s), 0) end -- by a handler or a task, in the middle of another verb
end

-- Asks for something that Asterisk may refuse. If that is because the caller is gone, that is what is raised.
function host.ask(s, ...)
  local ok, result = host.pcall(host.wait, "flow", s.flow, ...)
  if ok then return result end
  if type(result) == "table" and result.source == "asterisk" then pump(s, 0) end
  error(result, 0)
end

-- Carries out an operation of ARI; `kind` and `id` name what it makes, so that it is removed at the flow's end at the
-- latest.
local function send(s, op, params, kind, id)
  return host.ask(s, "call", op, params, kind, id)
end
host.send = send

-- The same on the caller's channel.
function host.send_channel(s, op, params, kind, id)
  params = params or {}
  params.channelId = s.id
  return send(s, "channels." .. op, params, kind, id)
end

-- The same, when it does not matter that what it is about is gone.
function host.try(s, op, params)
  local ok, problem = host.pcall(send, s, op, params)
  if ok then return problem end
  if type(problem) ~= "table" or problem.source ~= "asterisk" or not problem.status then error(problem, 0) end
  return nil
end

-- Whether Asterisk says that something, which `op` gets, is not there; false while it cannot say. And what there is.
function host.is_gone(s, op, params)
  local ok, problem = host.pcall(send, s, op, params)
  if ok then return false, problem end
  if type(problem) ~= "table" or problem.source == "script" then error(problem, 0) end
  return problem.source == "asterisk" and problem.status == 404
end

-- Waits until done() is true; false when `seconds` (nil: no limit) are over first. done() is asked after each event.
-- Returns how many seconds were left, too.
function host.wait_until(s, done, seconds)
  if done() then return true, seconds end
  if seconds then pump(s, 0) end -- for the time
  local deadline = seconds and s.now + seconds
  while not done() do
    local left = deadline and deadline - s.now
    if left and left <= 0 then return false end
    pump(s, left)
  end
  return true, deadline and deadline - s.now
end

-- Digits ----------------------------------------------------------------------------------------------------

function host.observers.ChannelDtmfReceived(s, event)
  if event.channel.id ~= s.id then return end
  if #s.digits >= MAX_DIGITS then remove(s.digits, 1) end
  s.digits[#s.digits + 1] = event.digit
  if s.on_dtmf then s.on_dtmf(event.digit) end
end

function host.observers.StasisStart(s, event)
  local replaced = event.replace_channel
  if replaced and replaced.id == s.id then
    s.id = event.channel.id
    s.call.id = s.id
  end
end

-- call:on("dtmf", fn): calls fn(digit) for each digit of the caller's while a verb waits.
-- call:on("ChannelTalkingStarted", fn): the same for any event of the call's channels, by its type in ARI.
host.verb("on", function(s, what, fn)
  if type(what) ~= "string" or (fn ~= nil and type(fn) ~= "function") then
    refuse("on", "takes a name and a function")
  end
  if lower(what) == "dtmf" then
    s.on_dtmf = fn
  else
    s.handlers[what] = fn
    host.ask(s, "listen", what)
  end
end)

-- Waits `seconds`, or for what call:notify sent; returns that, or nil.
host.verb("wait", function(s, seconds)
  if seconds ~= nil and type(seconds) ~= "number" then refuse("wait", "takes seconds") end
  host.wait_until(s, function() return next(s.posts) ~= nil end, seconds)
  return remove(s.posts, 1)
end)

host.observers["aribridge.post"] = function(s, event)
  s.posts[#s.posts + 1] = event.message
end

-- Sends a value to the flow of this call, from another one: its call:wait() returns it.
function CALL:notify(message)
  local s = states[self]
  if not s then error("call:notify(...) is a method: call it with a colon", 0) end
  if message == nil then message = true end
  return (host.pcall(host.wait, "flow", s.flow, "post", message))
end

-- Entries ---------------------------------------------------------------------------------------------------

local function fields(about)
  for name, value in pairs(about) do
    if value == host.null then about[name] = nil end
  end
  return about
end

host.hook_names.accepts = true
host.hook_names.on_call = true
host.hook_names.on_resume = true
host.cannot_wait.accepts = "accepts cannot wait, calls are offered in order: ask in on_call"

-- Staged: what is known of the call. Result: whether the script wants it.
function host.entries.accepts()
  local call = setmetatable(fields(host.arguments().values[1]), { __name = "call", __metatable = false })
  return host.hooks.accepts(call) and true or false
end

local function call_of(flow, about)
  local call = setmetatable(fields(about), CALL)
  states[call] = {
    call = call, flow = flow, id = call.id, now = 0, made = 0, events = {}, seen = 0, noted = 0,
    digits = {}, posts = {}, handlers = {}, playbacks = {}, recordings = {}, legs = {}, bridged = {},
  }
  return call
end

-- Staged: the flow's id, and what is known of the call. Result: where in the script the flow ended.
function host.entries.on_call()
  local values = host.arguments().values
  host.hooks.on_call(call_of(values[1], values[2]))
  return host.ending("on_call")
end

-- Staged: besides, what call:save was given, null when there is nothing. Result: the same.
function host.entries.on_resume()
  local values = host.arguments().values
  local saved = values[3]
  if saved == host.null then saved = nil end
  host.hooks.on_resume(call_of(values[1], values[2]), saved)
  return host.ending("on_resume")
end
