-- The built-in module "bridge": what a script can tell the gateway.

local host = ...

local MAX_TIMERS = 1000
local MAX_DELAY = 2 ^ 31 - 1 -- milliseconds, 24 days
local MIN_PERIOD = 10
local LEVELS = { debug = true, info = true, warning = true, error = true }

local bridge = { null = host.null, array = host.array }

-- bridge.log("text"), bridge.log("warning", "text"), bridge.log("info", "text", {channel = "1724.7"})
function bridge.log(level, text, fields)
  if type(text) ~= "string" then level, text, fields = "info", level, text end
  if not LEVELS[level] then error("bridge.log: the level is debug, info, warning or error", 0) end
  if type(fields) ~= "table" then fields = {} end
  host.emit("log", level, tostring(text), fields)
end

-- What on_command returns, by the value it returned. Weak: a verdict that nobody returns goes away.
host.verdicts = setmetatable({}, { __mode = "k" })

local function verdict(kind, value)
  local made = host.array { kind, value }
  host.verdicts[made] = made
  return made
end

-- Answers the command in Asterisk's place.
function bridge.reply(reply)
  if type(reply) ~= "table" then error("bridge.reply takes a table: bridge.reply{status = 200, body = {...}}", 0) end
  local status = reply.status or 200
  if math.type(status) ~= "integer" or status < 200 or status > 599 then
    error("bridge.reply: the status is a whole number from 200 to 599", 0)
  end
  return verdict("reply", { status = status, body = reply.body })
end

-- Refuses the command; the client reads why.
function bridge.deny(why)
  return verdict("deny", tostring(why or "no reason given"))
end

-- Lets the command pass although the client's own rights do not cover what the script made of it.
function bridge.as_system(command)
  if type(command) ~= "table" then error("bridge.as_system takes the command", 0) end
  return verdict("system", command)
end

local timers, live, last = {}, 0, 0
local TIMER = { __name = "timer", __metatable = false }
TIMER.__index = TIMER

function TIMER:cancel()
  local number = host.timer_numbers[self]
  if not number then error("timer:cancel() is a method: call it with a colon", 0) end
  if not timers[number] then return false end
  timers[number] = nil
  live = live - 1
  host.emit("cancel", number)
  return true
end

host.timer_numbers = setmetatable({}, { __mode = "k" })

local function check_delay(name, milliseconds, least)
  if type(milliseconds) ~= "number" or not (milliseconds >= least and milliseconds <= MAX_DELAY) then
    error("bridge." .. name .. ": the time is a number of milliseconds, from " .. least .. " to 24 days", 0)
  end
end

local function start(kind, milliseconds, fn)
  if type(fn) ~= "function" then error("bridge." .. kind .. " takes milliseconds and a function", 0) end
  if live >= MAX_TIMERS then error("more than " .. MAX_TIMERS .. " timers are running: cancel some", 0) end
  host.emit(kind, last + 1, milliseconds)
  last, live = last + 1, live + 1
  timers[last] = { fn = fn, repeats = kind == "every" }
  local timer = setmetatable({}, TIMER)
  host.timer_numbers[timer] = last
  return timer
end

-- Calls fn after that many milliseconds, once; fn may wait. Returns a handle with cancel().
function bridge.after(milliseconds, fn)
  check_delay("after", milliseconds, 0)
  return start("after", milliseconds, fn)
end

-- Calls fn again and again, until its handle's cancel(). Calls never overlap: while one still waits, none is begun.
function bridge.every(milliseconds, fn)
  check_delay("every", milliseconds, MIN_PERIOD)
  return start("every", milliseconds, fn)
end

function host.entries.timer()
  local number = host.arguments().values[1]
  local timer = timers[number]
  if not timer then return end -- cancelled in the last moment
  if not timer.repeats then
    timers[number] = nil
    live = live - 1
  end
  timer.fn()
end

-- Waits that many milliseconds.
function bridge.sleep(milliseconds)
  check_delay("sleep", milliseconds, 0)
  host.wait("sleep", milliseconds)
end

-- Sends an HTTP request, {url = ..., method = "GET", headers = {}, body = ..., timeout = 10}. Returns the answer,
-- whatever its status: {status = 200, headers = {["content-type"] = ...}, body = "...", json = ...}.
function bridge.http(request)
  if type(request) ~= "table" then error("bridge.http takes a table: bridge.http{url = \"https://...\"}", 0) end
  return host.wait("http", request)
end

-- What the script remembers beyond a restart: JSON values by key, apart from other scripts'.
bridge.kv = {}

local function check_options(options)
  if options ~= nil and type(options) ~= "table" then error("bridge.kv: options are a table, such as {ttl = 60}", 0) end
  return options or {}
end

function bridge.kv.get(key) return host.wait("kv.get", key) end

function bridge.kv.set(key, value, options) host.wait("kv.set", key, value, check_options(options).ttl) end

-- Adds to a number, and returns the sum.
function bridge.kv.incr(key, by, options) return host.wait("kv.incr", key, by or 1, check_options(options).ttl) end

-- Whether there was such a key.
function bridge.kv.delete(key) return host.wait("kv.delete", key) end

-- The keys that begin with the prefix, in order; at most a thousand, those behind the key `after`.
function bridge.kv.list(prefix, after) return host.wait("kv.list", prefix or "", after or "") end

-- The time in a time zone of the IANA database, as a table like os.date("*t"): bridge.time{zone = "Europe/Vienna"}.
function bridge.time(options)
  if type(options) ~= "table" or type(options.zone) ~= "string" then
    error("bridge.time takes the name of a time zone: bridge.time{zone = \"Europe/Vienna\"}", 0)
  end
  return host.wait("time", options.zone)
end

-- Puts an event of the script's own into the stream of events that clients see; no script's on_event gets it.
function bridge.publish(event, target)
  if type(event) ~= "table" or type(event.type) ~= "string" or event.type == "" then
    error("bridge.publish takes an event, a table with a type: bridge.publish{type = \"Lunch\"}", 0)
  end
  if host.asterisk_events[event.type] then
    error("bridge.publish: " .. event.type .. " is an event of Asterisk's own; take another type", 0)
  end
  if target ~= nil and type(target) ~= "string" then error("bridge.publish: the target is an Asterisk's name", 0) end
  host.emit("publish", target, event)
end

return bridge
