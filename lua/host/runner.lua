-- Runs one entry into the script (its main chunk, a hook, a timer) as a coroutine, and reports what came of it.
--
-- The gateway stages the arguments, then starts or resumes. The report is a state and tokens (see values.lua):
--   "done"    the entry's result
--   "wait"    what it waits for: an array of the operation and its arguments
--   "failed"  an object: text, and where, trace and ran_out as far as known
-- followed by the tokens of everything put into the outbox meanwhile.

local host = ...

local type, error, xpcall, pcall, tostring, setmetatable = type, error, xpcall, pcall, tostring, setmetatable
local raw_resume, raw_yield, raw_close, status = coroutine.resume, coroutine.yield, coroutine.close, coroutine.status
local unpack, move, traceback, getinfo = table.unpack, table.move, debug.traceback, debug.getinfo
local sub, gsub, utf8_len, rawget, getmetatable = string.sub, string.gsub, utf8.len, rawget, debug.getmetatable

local MAX_OUTBOX = 1000
local MAX_TEXT = 2000

local OVERRUN = {
  depth = "calls are nested too deep: a function calls itself without end?",
  time = "took more CPU time than scripts.budget_ms allows",
  memory = "took more memory than scripts.memory_mb allows, or too much of it at once",
}

host.entries = {}

local staged = {} -- of the entry that begins: values, their tokens, and where each value's tokens begin
local runs = {} -- waiting entries by their number
local current -- the name of the entry that runs
local result, result_n = {}, 0
local outbox, outbox_n, outbox_size = {}, 0, 0

function host.stage(...)
  local tokens, n = { ... }, select("#", ...)
  local values, starts, i, k = {}, {}, 1, 0
  while i <= n do
    k = k + 1
    starts[k] = i
    values[k], i = host.build(tokens, i)
  end
  staged = { values = values, tokens = tokens, starts = starts }
end

-- The staged arguments; an entry takes them before it calls anything of the script's.
function host.arguments()
  local taken = staged
  staged = {}
  return taken
end

-- Puts something into the outbox: the gateway does it as soon as the script waits or ends.
function host.emit(...)
  if outbox_size >= MAX_OUTBOX then
    error("more than " .. MAX_OUTBOX .. " log lines, messages and timers in one go", 0)
  end
  outbox_n = host.flatten_row(outbox, outbox_n, ...)
  outbox_size = outbox_size + 1
end

-- Why the entry that runs cannot wait, by its name.
host.cannot_wait = {}

-- An error of an ARI call: a table with code, status, detail, source and outcome; tostring makes a sentence of it.
local ERROR = {
  __name = "ari error",
  __tostring = function(problem) return tostring(problem.detail) .. " (" .. tostring(problem.code) .. ")" end,
  __metatable = false,
}

-- Waits until the gateway has done `operation`; returns its result, or raises its error.
function host.wait(operation, ...)
  local why = host.cannot_wait[current]
  if why and operation ~= "require" then
    error(setmetatable({ code = "cannot_wait", detail = why, source = "script", outcome = "not_applied" }, ERROR))
  end
  result_n = host.flatten_row(result, 0, operation, ...)
  local ok, value = raw_yield(host.WAIT)
  if not ok then error(setmetatable(value, ERROR)) end
  if value == host.null then return nil end
  return value
end

-- Text that any log takes: valid UTF-8, of bounded length.
local function clean(text)
  if #text > MAX_TEXT then text = sub(text, 1, MAX_TEXT) .. "..." end
  if not utf8_len(text) then text = gsub(text, "[\128-\255]", "?") end
  return text
end

-- At the place of the error: what is lost once the stack is unwound.
local function at_error(value)
  if host.overrun then return nil end
  return { value = value, where = host.where(2), trace = traceback("", 2) }
end

local function text_of(value)
  local meta = getmetatable(value)
  if type(value) == "table" and not (meta and rawget(meta, "__tostring")) then
    value = rawget(value, "detail") or rawget(value, "message") or "an error value without a message"
  end
  local ok, text = pcall(tostring, value)
  if not ok then return "an error value that cannot be shown" end
  return (gsub(text, "^aribridge:%d+: ", "")) -- a place in the gateway's own Lua helps nobody
end

local function describe(problem)
  if problem == "not enough memory" then -- there was no room for at_error
    return { text = OVERRUN.memory, ran_out = "memory" }
  end
  if type(problem) ~= "table" then problem = { value = problem } end
  local text = clean(text_of(problem.value))
  local where = problem.where
  if where and sub(text, 1, #where + 2) == where .. ": " then text = sub(text, #where + 3) end
  return { text = text, where = where, trace = problem.trace and clean(problem.trace) }
end

local function body(entry)
  local ok, value = xpcall(entry, at_error)
  if not ok then return describe(value) end
  result_n = host.flatten(value, result, 0)
  return nil
end

local function report(state)
  move(outbox, 1, outbox_n, result_n + 1, result)
  return state, unpack(result, 1, result_n + outbox_n)
end

-- Where the function begins that an entry calls: the best that is known when tail calls have left no frame of the
-- script's.
local function beginning(name)
  local hook = host.hooks[name]
  if not hook then return nil end
  local info = getinfo(hook, "S")
  return info.short_src .. ":" .. info.linedefined
end

local function failed(name, problem)
  problem.where = problem.where or beginning(name)
  result_n = host.flatten(problem, result, 0)
  return report("failed")
end

-- Where a waiting coroutine stands.
local function standing(run)
  local co, level = run.co, 0
  local info = getinfo(co, level, "Sl")
  while info do
    if sub(info.source, 1, 1) == "@" then return info.short_src .. ":" .. info.currentline end
    level = level + 1
    info = getinfo(co, level, "Sl")
  end
  return beginning(run.name)
end

local function advance(number, run, ...)
  current = run.name
  result, result_n, outbox, outbox_n, outbox_size = {}, 0, {}, 0, 0
  host.begin()
  local ok, outcome = raw_resume(run.co, ...)
  if host.overrun then
    raw_close(run.co)
    local overrun = host.overrun
    return failed(run.name, { text = OVERRUN[overrun.ran_out], where = overrun.where, ran_out = overrun.ran_out })
  end
  if not ok then return failed(run.name, describe(outcome)) end
  if status(run.co) == "dead" then
    if outcome then return failed(run.name, outcome) end
    return report("done")
  end
  if outcome ~= host.WAIT then
    local where = standing(run)
    raw_close(run.co)
    return failed(run.name, { text = "coroutine.yield outside of a coroutine of the script's own", where = where })
  end
  runs[number] = run
  return report("wait")
end

function host.start(number, name)
  return advance(number, { name = name, co = host.create(body) }, host.entries[name])
end

function host.resume(number)
  local run = runs[number]
  runs[number] = nil
  return advance(number, run, unpack(host.arguments().values, 1, 2))
end

-- Ends an entry if it still waits; reports where it stood.
function host.stop(number)
  local run = runs[number]
  if not run then return "done", nil, "n", 0 end
  runs[number] = nil
  result, result_n, outbox, outbox_n, outbox_size = {}, 0, {}, 0, 0
  local where = standing(run)
  host.begin()
  current = run.name
  raw_close(run.co)
  result_n = host.flatten(where, result, 0)
  return report("done")
end
