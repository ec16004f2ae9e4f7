-- `T`, for the tests of scripts (`aribridge script test`). Tests run in an interpreter of their own; each call of T
-- waits for the script under test to come to rest.

local host = ...

local type, error, pairs, tostring, rawget = type, error, pairs, tostring, rawget
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

-- The script under test ---------------------------------------------------------------------------------------------

local made = 0

-- A client's connection: T.conn{sub = "alice", tenant = "acme", roles = {"agent"}, endpoints = {"PJSIP/200"}}.
function T.conn(options)
  options = options or {}
  check("conn", options, "table", "a table: T.conn{roles = {\"agent\"}}")
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
  if type(cmd) ~= "table" or type(cmd.op) ~= "string" then
    refuse("command", "takes a command second: {op = \"channels.list\", params = {}}")
  end
  return wait("t.command", conn, { op = cmd.op, params = cmd.params or {}, target = cmd.target or "pbx" })
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

-- Staged: the name of a test.
function host.entries.test()
  local name = host.arguments().values[1]
  local test = host.env[name]
  if type(test) ~= "function" then error(name .. " is no global function of the file once it is loaded", 0) end
  test()
end
