-- `T`, for the tests of scripts (`aribridge script test`). Tests run in an interpreter of their own; each call of T
-- waits for the script under test to come to rest.

local host = ...

local setmetatable, getmetatable = setmetatable, getmetatable
local type, error, pairs, tostring, rawget = type, error, pairs, tostring, rawget
local next, find, getinfo = next, string.find, debug.getinfo
local format, sort, concat = string.format, table.sort, table.concat
local wait = host.wait

local T = {}
host.env.T = T

local function refuse(name, what)
  error("T." .. name .. " " .. what, 0)
end

local function check(name, value, wanted, what)
  if type(value) ~= wanted then refuse(name, "takes " .. what) end
end

-- `types` has the type of each option that there is.
local function check_options(name, options, types)
  for option, value in pairs(options) do
    local wanted = types[option]
    if not wanted then refuse(name, "has no option " .. tostring(option)) end
    if type(value) ~= wanted then refuse(name, option .. " is a " .. wanted) end
  end
end

-- The script under test ---------------------------------------------------------------------------------------------

local made = 0
local CONN = { carrier = "string", sub = "string", tenant = "string", roles = "table", endpoints = "table" }

-- A client's connection: T.conn{sub = "alice", tenant = "acme", roles = {"agent"}, endpoints = {"PJSIP/200"}}.
function T.conn(options)
  options = options or {}
  check("conn", options, "table", "a table: T.conn{roles = {\"agent\"}}")
  check_options("conn", options, CONN)
  made = made + 1
  return {
    id = "c_" .. made,
    carrier = options.carrier or "websocket",
    user = {
      sub = options.sub or "user" .. made,
      tenant = options.tenant,
      roles = host.array(options.roles or {}),
      endpoints = host.array(options.endpoints or {}),
    },
  }
end

local function check_conn(name, conn)
  if type(conn) ~= "table" or not conn.id then refuse(name, "takes a connection first, which T.conn{...} makes") end
end

-- What becomes of a command: {kind = "pass", cmd = ...}, or "system" instead; {kind = "reply", status = ..., body =
-- ...}; {kind = "deny", why = ...}. A failure of the script is raised.
function T.command(conn, cmd)
  check_conn("command", conn)
  local params = type(cmd) == "table" and (cmd.params or {})
  if type(params) ~= "table" or #params > 0 or type(cmd.op) ~= "string" then
    refuse("command", "takes a command second: {op = \"channels.get\", params = {channelId = \"1\"}}")
  end
  return wait("t.command", conn, { op = cmd.op, params = params, target = cmd.target or "pbx" })
end

-- What becomes of an event; nil when the script drops it.
function T.event(event, target)
  if type(event) ~= "table" or type(event.type) ~= "string" then
    refuse("event", "takes an event: {type = \"StasisStart\"}")
  end
  return wait("t.event", target or "pbx", event)
end

-- The script's answer to a message.
function T.message(conn, data)
  check_conn("message", conn)
  return wait("t.message", conn, data)
end

function T.connect(conn)
  check_conn("connect", conn)
  wait("t.connect", conn)
end

function T.disconnect(conn, reason)
  check_conn("disconnect", conn)
  wait("t.disconnect", conn, reason or "left")
end

-- Lets time pass.
function T.advance(milliseconds)
  check("advance", milliseconds, "number", "milliseconds")
  wait("t.advance", milliseconds)
end

-- What the script did since the last time it was asked: messages to a client, calls of ARI, events of its own, lines of
-- the log, errors that were raised nowhere. Errors that nobody asks for fail the test.
function T.sent(conn)
  check_conn("sent", conn)
  return wait("t.sent", conn)
end

function T.calls() return wait("t.calls") end
function T.published() return wait("t.published") end
function T.logs() return wait("t.logs") end
function T.errors() return wait("t.errors") end

-- Phones ------------------------------------------------------------------------------------------------------------

local PHONE = { __name = "phone", __metatable = false }
PHONE.__index = PHONE

local function phone(about) return setmetatable(about, PHONE) end

-- Defines phone:name(...), which asks for `operation`.
local function does(name, takes, what)
  PHONE[name] = function(self, value)
    if getmetatable(self) ~= PHONE.__metatable then
      error("phone:" .. name .. "(...) is a method: call it with a colon", 0)
    end
    if takes and type(value) ~= takes then error("phone:" .. name .. " takes " .. what, 0) end
    if takes then return wait("t." .. name, self.id, value) end
    return wait("t." .. name, self.id)
  end
end

local CALL = {
  exten = "string", context = "string", caller = "table", args = "table", variables = "table", language = "string",
  target = "string",
}

-- A phone that calls: T.call{exten = "7001", caller = {name = "Alice", number = "200"}, args = {"sales"}}.
function T.call(options)
  options = options or {}
  check("call", options, "table", "a table: T.call{exten = \"7001\", caller = {number = \"200\"}}")
  check_options("call", options, CALL)
  if options.args then options.args = host.array(options.args) end
  return phone(wait("t.call", options))
end

-- The phones that the script dialled since the last time, in their order: they ring.
function T.dialled()
  local phones = wait("t.dialled")
  for k = 1, #phones do phones[k] = phone(phones[k]) end
  return phones
end

does("press", "string", "digits, as a string: phone:press(\"1234#\")")
does("hangup")
does("answer")
does("heard")
does("ended")
does("state")
does("variable", "string", "the name of a variable")
does("talks_to")

-- how: "busy" unless given, "noanswer", "congestion", "unavailable".
function PHONE:refuse(how) return wait("t.refuse", self.id, how or "busy") end

local RECORDING = { __name = "recording", __metatable = false }
RECORDING.__index = RECORDING

-- A recorded Asterisk (aribridge script record) stands behind the test from now on; the file is beside the tests. What
-- it sent comes as time passes. `digits` are those that were pressed, which recordings leave out.
function T.replay(file, options)
  check("replay", file, "string", "a file beside the tests: T.replay(\"ivr.jsonl\", {digits = \"1234\"})")
  options = options or {}
  check("replay", options, "table", "options as a table: {digits = \"1234\"}")
  check_options("replay", options, { digits = "string" })
  wait("t.replay", file, options)
  return setmetatable({}, RECORDING)
end

-- Lets time pass to the end of the recording; fails unless the script does what it did then. Returns the phones that
-- called.
function RECORDING:finish()
  local calls, phones = wait("t.finish"), {}
  for k = 1, #calls do phones[k] = phone { id = calls[k] } end
  return phones
end

-- The time of day: T.time{year = 2026, month = 1, day = 5, hour = 9, zone = "Europe/Vienna"}.
function T.time(fields)
  check("time", fields, "table", "a table: T.time{year = 2026, month = 1, day = 5, hour = 9}")
  wait("t.time", fields)
end

-- Lets time pass until done() is true, for `seconds` (10) at most; returns what done() returned.
function T.wait_until(done, seconds)
  check("wait_until", done, "function", "a function, and seconds")
  local left = (seconds or 10) * 10
  local result = done()
  while not result and left > 0 do
    T.advance(100)
    left = left - 1
    result = done()
  end
  return result
end

-- ARI ---------------------------------------------------------------------------------------------------------------

local answers = {}
local errors = setmetatable({}, { __mode = "k" })

-- Answers calls of an operation ("channels.list"), or of a method and path ("GET /channels"): fn(params) is the body.
function T.ari(op, fn)
  check("ari", op, "string", "the name of an operation, and a function")
  check("ari", fn, "function", "the name of an operation, and a function")
  answers[op] = fn
end

-- What fn returns for an error of Asterisk's: T.error{status = 404, detail = "Channel not found"}.
function T.error(fields)
  check("error", fields, "table", "a table: T.error{status = 404, detail = \"Channel not found\"}")
  local problem = {}
  errors[problem] = fields
  return problem
end

host.cannot_wait.answer = "what answers calls of ARI cannot wait"

-- Staged: operation and parameters. Result: "none", or an array of "body" or "error" and the value.
function host.entries.answer()
  local values = host.arguments().values
  local fn = answers[values[1]]
  if not fn then return "none" end
  local body = fn(values[2])
  if errors[body] then return host.array { "error", errors[body] } end
  return host.array { "body", body }
end

-- Comparing ---------------------------------------------------------------------------------------------------------

local function show(value, depth)
  if type(value) == "string" then return format("%q", value) end
  if type(value) ~= "table" or depth > 5 then return tostring(value) end
  local parts, keys = {}, {}
  for k = 1, #value do parts[k] = show(value[k], depth + 1) end
  for key in pairs(value) do
    if math.type(key) ~= "integer" or key < 1 or key > #value then keys[#keys + 1] = key end
  end
  sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do parts[#parts + 1] = tostring(key) .. " = " .. show(value[key], depth + 1) end
  return "{" .. concat(parts, ", ") .. "}"
end

local function same(a, b, depth)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or depth > 100 then return false end
  if a == host.null or b == host.null then return false end
  for key, value in pairs(a) do
    if not same(value, rawget(b, key), depth + 1) then return false end
  end
  for key in pairs(b) do
    if rawget(a, key) == nil then return false end
  end
  return true
end

-- Fails the test unless both are the same, tables by what is in them.
function T.equal(actual, expected, what)
  if same(actual, expected, 0) then return end
  local text = "expected " .. show(expected, 0) .. ", got " .. show(actual, 0)
  error(what and tostring(what) .. ": " .. text or text, 0)
end

-- What tests have not: they act through T, on the script --------------------------------------------------------------

local function absent(module)
  return function(_, name) error("tests have no " .. module .. "." .. tostring(name) .. ": they act through T", 0) end
end

local bridge = host.loaded.bridge
host.loaded.bridge = setmetatable({ null = bridge.null, array = bridge.array }, { __index = absent("bridge") })
host.loaded.ari = setmetatable({}, { __index = absent("ari") })
host.loaded.task = setmetatable({}, { __index = absent("task") })
function host.env.print(...)
  local words = {}
  for k = 1, select("#", ...) do words[k] = tostring((select(k, ...))) end
  bridge.log("info", concat(words, "\t"))
end

-- Result: the names of the tests, in the order in which their functions begin.
function host.entries.tests()
  local names, lines = host.array {}, {}
  for name, test in next, host.env do
    if type(name) == "string" and find(name, "^test_") and type(test) == "function" then
      names[#names + 1], lines[name] = name, getinfo(test, "S").linedefined
    end
  end
  sort(names, function(a, b) return lines[a] < lines[b] or lines[a] == lines[b] and a < b end)
  return names
end

-- Staged: the name of a test.
function host.entries.test()
  local name = host.arguments().values[1]
  local test = host.env[name]
  if type(test) ~= "function" then error(name .. " is no global function of the file once it is loaded", 0) end
  test()
end
