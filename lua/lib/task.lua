-- The built-in module "task": work of a script's own that runs beside everything else. Each task is an entry of its own
-- (see lua/host/runner.lua) that the gateway starts; it has no time limit but the budget between two waits.

local host = ...

local type, error, pcall, setmetatable = type, error, pcall, setmetatable
local pack, unpack = table.pack, table.unpack

local MAX_TASKS = 5000

local task = {}
local tasks, live, last = {}, 0, 0 -- those that are not over, by number
local records = setmetatable({}, { __mode = "k" }) -- by handle

local TASK = { __name = "task", __metatable = false }

-- Starts a task for each {fn = ..., args = ...}; their handles.
local function start(list)
  if live + #list > MAX_TASKS then error("more than " .. MAX_TASKS .. " tasks are running: cancel some", 0) end
  local numbers, handles = {}, {}
  for k = 1, #list do numbers[k] = last + k end
  local of_call = host.is_of_call()
  host.emit("spawn", numbers, of_call)
  for k, record in ipairs(list) do
    last, live = last + 1, live + 1
    record.number = last
    record.of_call = of_call
    tasks[last] = record
    handles[k] = setmetatable({}, TASK)
    records[handles[k]] = record
  end
  return handles
end

-- Runs fn(...) as a task; returns a handle.
function task.spawn(fn, ...)
  if type(fn) ~= "function" then error("task.spawn takes a function, and arguments for it", 0) end
  return start({ { fn = fn, args = pack(...) } })[1]
end

-- Raises {code = "cancelled"} where the task waits; it has five seconds for cleaning up. False when it is over already.
function task.cancel(handle)
  local record = records[handle]
  if not record then error("task.cancel takes what task.spawn returned", 0) end
  if record.is_over then return false end
  host.emit("cancel_tasks", { record.number })
  return true
end

-- The numbers of those tasks that are not over.
function host.still_running(list)
  local numbers = {}
  for _, record in ipairs(list) do
    if not record.is_over then numbers[#numbers + 1] = record.number end
  end
  return numbers
end

local function first_that_raised(list)
  for _, record in ipairs(list) do
    if record.raised then return record end
  end
  return nil
end

-- What is to be gathered: functions become tasks. Returns the records of all, and of those that were started here.
local function prepare(list)
  local fresh, all = {}, {}
  for k, item in ipairs(list) do
    local record = records[item]
    if type(item) == "function" then
      record = { fn = item, args = pack() }
      fresh[#fresh + 1] = record
    end
    if not record then error("task.gather takes functions and tasks; number " .. k .. " is a " .. type(item), 0) end
    all[k] = record
  end
  if #fresh > 0 then start(fresh) end
  return all, fresh
end

local function both(list, more)
  return table.move(more, 1, #more, #list + 1, table.move(list, 1, #list, 1, {}))
end

local function join(list)
  local numbers = host.still_running(list)
  if #numbers > 0 then host.wait("join", numbers) end
end

local function cancel_all(list)
  local left = host.still_running(list)
  if #left > 0 then host.emit("cancel_tasks", left) end
end

-- Runs functions side by side and waits for all of them, and for tasks; returns what each returned, in the same order.
-- When one raises, the functions that still run are cancelled and its error is raised here.
function task.gather(list)
  if type(list) ~= "table" then error("task.gather takes a table of functions: task.gather{first, second}", 0) end
  host.check_can_wait()
  local run = host.running()
  local others = run.children
  local all, fresh = prepare(list)
  run.children = others and both(others, fresh) or fresh
  local ok, problem = pcall(join, all)
  local broken = first_that_raised(all)
  if broken or not ok then cancel_all(fresh) end
  run.children = others
  if not ok then error(problem, 0) end
  if broken then error(broken.value, 0) end
  local results = {}
  for k, record in ipairs(all) do results[k] = record.value end
  return results
end

-- Staged: the number, and why the task is cancelled if it is, before it began.
function host.entries.task()
  local number, code = unpack(host.arguments().values)
  local record = tasks[number]
  host.running().task = record
  if code ~= host.null then
    error(host.problem { code = code, detail = "the task was cancelled before it began", source = "script" })
  end
  record.value = record.fn(unpack(record.args, 1, record.args.n))
end

function host.task_over(record, raised, value)
  tasks[record.number] = nil
  live = live - 1
  record.is_over, record.raised, record.fn, record.args = true, raised, nil, nil
  if raised then record.value = value end
end

return task
