-- The built-in module "bridge": what a script can tell the gateway.

local host = ...

local MAX_TIMERS = 1000
local MAX_DELAY = 2 ^ 31 - 1 -- milliseconds, 24 days
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

-- Calls fn after that many milliseconds, once; fn may wait. Returns a handle with cancel().
function bridge.after(milliseconds, fn)
  if type(milliseconds) ~= "number" or not (milliseconds >= 0 and milliseconds <= MAX_DELAY) then
    error("bridge.after: the delay is a number of milliseconds, from 0 to 24 days", 0)
  end
  if type(fn) ~= "function" then error("bridge.after takes milliseconds and a function", 0) end
  if live >= MAX_TIMERS then error("more than " .. MAX_TIMERS .. " timers are running: cancel some", 0) end
  host.emit("after", last + 1, milliseconds)
  last, live = last + 1, live + 1
  timers[last] = fn
  local timer = setmetatable({}, TIMER)
  host.timer_numbers[timer] = last
  return timer
end

function host.entries.timer()
  local number = host.arguments().values[1]
  local fn = timers[number]
  if not fn then return end -- cancelled in the last moment
  timers[number] = nil
  live = live - 1
  fn()
end

return bridge
