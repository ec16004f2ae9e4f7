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
local runs = {} -- entries that have begun and are not over, by their number
local current -- the one that runs
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

local function put(...)
  outbox_n = host.flatten_row(outbox, outbox_n, ...)
end

-- Puts something into the outbox: the gateway does it as soon as the script waits or ends.
function host.emit(...)
  if outbox_size >= MAX_OUTBOX then
    error("more than " .. MAX_OUTBOX .. " log lines, messages, events, tasks and timers in one go", 0)
  end
  put(...)
  outbox_size = outbox_size + 1
end

-- What is known of the entry that runs: its name, its coroutine; `task` when it is one; `children`, tasks that end with
-- it.
function host.running()
  return current
end

local FLOWS = { on_call = true, on_resume = true }

-- Whether the entry that runs is a call's: its flow, or a task that the flow started.
function host.is_of_call()
  return FLOWS[current.name] or current.task ~= nil and current.task.of_call
end

-- Why the entry that runs cannot wait, by its name.
host.cannot_wait = {}

-- An error of the gateway's: a table with code, status, detail, source and outcome; tostring makes a sentence of it.
local ERROR = {
  __name = "error",
  __tostring = function(problem) return tostring(problem.detail) .. " (" .. tostring(problem.code) .. ")" end,
  __metatable = false,
}

function host.problem(fields)
  return setmetatable(fields, ERROR)
end

function host.check_can_wait()
  local why = host.cannot_wait[current.name]
  if why then error(host.problem { code = "cannot_wait", detail = why, source = "script", outcome = "not_applied" }) end
end

-- Waits until the gateway has done `operation`; returns its result, or raises its error.
function host.wait(operation, ...)
  if operation ~= "require" then host.check_can_wait() end
  result_n = host.flatten_row(result, 0, operation, ...)
  local ok, value = raw_yield(host.WAIT)
  if not ok then error(host.problem(value)) end
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

local function code_of(value)
  local code = type(value) == "table" and rawget(value, "code")
  return type(code) == "string" and clean(code) or nil
end

-- What the gateway is told of an error: `problem` comes from at_error, or is the bare value.
local function describe(problem)
  if problem == "not enough memory" then -- there was no room for at_error
    return { text = OVERRUN.memory, ran_out = "memory" }
  end
  if type(problem) ~= "table" then problem = { value = problem } end
  local text = clean(text_of(problem.value))
  local where = problem.where
  if where and sub(text, 1, #where + 2) == where .. ": " then text = sub(text, #where + 3) end
  return { text = text, where = where, trace = problem.trace and clean(problem.trace), code = code_of(problem.value) }
end

local function body(entry)
  local ok, value = xpcall(entry, at_error)
  if not ok then
    local described = describe(value)
    if type(value) == "table" then value = value.value end
    return described, value
  end
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

-- The end of an entry, however it came: `value` is what it raised when `raised`. Tasks that it waited for end with it.
local function over(number, run, raised, value)
  runs[number] = nil
  if run.task then host.task_over(run.task, raised, value) end
  local left = run.children and host.still_running(run.children)
  if left and #left > 0 then put("cancel_tasks", left) end
end

local function failed(number, run, problem, value)
  if problem.ran_out then
    value = host.problem { code = "overrun", detail = problem.text, source = "script", outcome = "unknown" }
  end
  over(number, run, true, value)
  problem.where = problem.where or beginning(run.name)
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

local function begin(run)
  current = run
  result, result_n, outbox, outbox_n, outbox_size = {}, 0, {}, 0, 0
  host.begin()
end

local function overran(number, run)
  raw_close(run.co)
  local overrun = host.overrun
  return failed(number, run, { text = OVERRUN[overrun.ran_out], where = overrun.where, ran_out = overrun.ran_out })
end

local function yielded(number, run)
  local problem = { text = "coroutine.yield outside of a coroutine of the script's own", where = standing(run) }
  raw_close(run.co)
  return failed(number, run, problem, problem.text)
end

local function advance(number, run, ...)
  begin(run)
  local ok, outcome, value = raw_resume(run.co, ...)
  if host.overrun then return overran(number, run) end
  if not ok then return failed(number, run, describe(outcome), outcome) end
  if status(run.co) == "dead" then
    if outcome then return failed(number, run, outcome, value) end
    over(number, run)
    return report("done")
  end
  if outcome ~= host.WAIT then return yielded(number, run) end
  return report("wait")
end

function host.start(number, name)
  local run = { name = name, co = host.create(body) }
  runs[number] = run
  return advance(number, run, host.entries[name])
end

function host.resume(number)
  return advance(number, runs[number], unpack(host.arguments().values, 1, 2))
end

-- Ends an entry if it is not over; reports where it stood.
function host.stop(number)
  local run = runs[number]
  if not run then return "done", nil, "n", 0 end
  begin(run)
  local where = standing(run)
  raw_close(run.co)
  over(number, run, true, host.problem { code = "stopped", detail = "it was ended", source = "script" })
  result_n = host.flatten(where, result, 0)
  return report("done")
end
