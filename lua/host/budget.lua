-- Bounds the CPU time between two waits. Every coroutine carries a count hook that looks at the clock; when time is up,
-- it raises, and then raises again at each further instruction, so that no pcall can go on.

local host = ...

local clock, sethook, gethook, getinfo, error = os.clock, debug.sethook, debug.gethook, debug.getinfo, error
local raw_create, raw_resume, raw_pcall = coroutine.create, coroutine.resume, pcall
local raw_yield, raw_close = coroutine.yield, coroutine.close
local sub, max, memory = string.sub, math.max, collectgarbage

-- Instructions between two looks at the clock. A single one may take a millisecond (two large strings joined), so the
-- looks come more often where there is memory for that, and where it happens.
local INSTRUCTIONS, FEW = 200, 5
local SLOW = 2.5e-4 -- seconds between two looks
local MAX_LEVELS = 2000 -- of calls within calls
local WAIT = {} -- what a wait for the gateway yields; scripts never see it

local deadline, looked = 0, 0

-- "file:line" of the innermost frame that is a script's, counted from `level` of the caller; nil when there is none.
-- Chunks of scripts are named "@file", the gateway's own "=aribridge".
function host.where(level)
  level = level + 1
  local info = getinfo(level, "Sl")
  while info do
    if sub(info.source, 1, 1) == "@" and info.currentline > 0 then return info.short_src .. ":" .. info.currentline end
    level = level + 1
    info = getinfo(level, "Sl")
  end
  return nil
end

local check

-- Ends the run: from here on, each instruction raises.
local function stop(ran_out)
  host.overrun = host.overrun or { ran_out = ran_out, where = host.where(3) }
  sethook(check, "", 1)
  error("the run is over", 0)
end

local function look_again_in(now)
  local _, _, before = gethook()
  local instructions = FEW
  if now - looked < SLOW then
    local megabytes = memory("count") // 1024
    instructions = megabytes < 2 and INSTRUCTIONS or max(FEW, INSTRUCTIONS // megabytes)
  end
  if instructions ~= before then sethook(check, "", instructions) end
end

function check()
  local now = clock()
  if host.overrun or now >= deadline then stop("time") end
  look_again_in(now)
  looked = now
  -- Each error that a pcall catches costs a walk over the whole stack, so stacks are kept short.
  if getinfo(MAX_LEVELS, "") then stop("depth") end
end
host.check_budget = check

-- After a protected call: an overrun is not for the script to survive.
local function settled(ok, ...)
  if ok then return true, ... end
  if host.overrun then stop() end
  if (...) == "not enough memory" then stop("memory") end
  return false, ...
end
host.settled = settled

function host.pcall(...)
  return settled(raw_pcall(...))
end

-- Starts the budget of one entry into the script.
function host.begin()
  host.overrun = nil
  looked = clock()
  deadline = looked + host.budget_seconds
end

function host.create(fn)
  local co = raw_create(fn)
  sethook(co, check, "", INSTRUCTIONS)
  return co
end

-- A wait inside a coroutine of the script's own goes out through all of them, and the answer the same way back.
local function forward(co, ok, first, ...)
  if ok and first == WAIT then return forward(co, raw_resume(co, raw_yield(WAIT))) end
  return settled(ok, first, ...)
end

local function resume(co, ...)
  return forward(co, raw_resume(co, ...))
end

local function unwrap(co, ok, ...)
  if ok then return ... end
  raw_close(co)
  error((...), 0)
end

local function wrap(fn)
  local co = host.create(fn)
  return function(...) return unwrap(co, resume(co, ...)) end
end

-- What scripts get as `coroutine`.
host.coroutine = {
  create = host.create,
  resume = resume,
  wrap = wrap,
  yield = raw_yield,
  status = coroutine.status,
  running = coroutine.running,
  isyieldable = coroutine.isyieldable,
  close = raw_close,
}
host.WAIT = WAIT
