-- Makes the value that a row of bytes describes and hands it to the gateway: what the worst script could do.

local bridge = require "bridge"
local ari = require "ari"
local task = require "task"

local NUMBERS = {
  math.maxinteger, math.mininteger, 0 / 0, math.huge, -math.huge, 2 ^ 53, 2 ^ 63, -0.0, 1e-320, 0.1, 1e308, 2 ^ 53 + 1,
}
local HANDLERS = {
  __index = function() error("from __index") end,
  __newindex = function() error("from __newindex") end,
  __len = function() return 1e9 end,
  __pairs = function() return function() return 1, 1 end end,
  __eq = function() return true end,
  __tostring = function() return {} end,
  __name = 7,
  __metatable = "array",
  __gc = function() error("from __gc") end,
  __close = function() error("from __close") end,
  __mode = "kv",
}

local function fields()
  local names = {}
  for name in pairs(HANDLERS) do names[#names + 1] = name end
  table.sort(names)
  return names
end
local FIELDS = fields()

-- What each step does with the stack; `byte` gives the next byte of the program.
local STEPS = {
  function(push) push(nil) end,
  function(push) push(true) end,
  function(push, byte) push(byte() - 128) end,
  function(push, byte) push(NUMBERS[byte() % #NUMBERS + 1]) end,
  function(push, byte)
    local text = {}
    for i = 1, byte() % 32 do text[i] = string.char(byte()) end
    push(table.concat(text))
  end,
  function(push, byte) push(string.char(byte()):rep(byte() * 1024)) end,
  function(push) push {} end,
  function(push) push(bridge.array {}) end,
  function(push) push(bridge.null) end,
  function(push, byte, stack) push(stack[byte() % (#stack + 1)]) end,
  function(_, _, stack, pop) local value, key, t = pop(), pop(), stack[stack.n]; t[key] = value end,
  function(_, _, stack, pop) local value, t = pop(), stack[stack.n]; t[#t + 1] = value end,
  function(push, byte, stack)
    local meta = {}
    for _ = 1, byte() % 4 do local name = FIELDS[byte() % #FIELDS + 1]; meta[name] = HANDLERS[name] end
    setmetatable(stack[stack.n], meta)
  end,
  function(push) push(print) end,
  function(push) push(coroutine.create(print)) end,
  function(push, byte, _, pop) local value = pop(); for _ = 1, byte() do value = { value } end; push(value) end,
  function(push, byte) local t = {}; for i = 1, byte() * 256 do t[i] = i end; push(t) end,
  function(push, byte) local t = {}; for i = 1, byte() do t["k" .. i] = i end; push(t) end,
  function(_, _, _, pop) bridge.log("info", "hostile", pop()) end,
  function(_, _, _, pop) bridge.log(pop(), pop(), pop()) end,
  function(_, _, stack) stack.conn:send(stack[stack.n]) end,
  function(_, _, _, pop) bridge.kv.set(pop(), pop(), { ttl = pop() }) end,
  function(_, _, stack) bridge.http(stack[stack.n]) end,
  function(_, _, _, pop) ari.call(pop(), pop()) end,
  function(_, _, _, pop) ari.request(pop(), pop(), pop()) end,
  function(_, _, stack) task.spawn(function() return stack[stack.n] end):join() end,
  function(_, _, stack) bridge.publish(stack[stack.n], "pbx") end,
  function(push, _, stack) push(bridge.reply(stack[stack.n])) end,
  function(push, _, stack) push(bridge.deny(stack[stack.n])) end,
  function(push, _, stack) push(bridge.as_system(stack[stack.n])) end,
  function(_, _, stack) error(stack[stack.n], 0) end,
  function(push, _, stack) bridge.after(stack[stack.n], print) end,
}

local function run(program, conn, given)
  local stack, at = { given, n = 1, conn = conn }, 0
  local function byte()
    at = at + 1
    return tonumber(program:sub(2 * at - 1, 2 * at), 16) or 0
  end
  local function push(value) stack.n = stack.n + 1; stack[stack.n] = value end
  local function pop()
    local value = stack[stack.n]
    stack[stack.n], stack.n = nil, math.max(1, stack.n - 1)
    return value
  end
  while 2 * at < #program do
    local step = STEPS[byte() % #STEPS + 1]
    if byte() < 200 then pcall(step, push, byte, stack, pop) else step(push, byte, stack, pop) end
  end
  return stack[stack.n]
end

function on_message(conn, data)
  if data.echo ~= nil then return { echo = data.echo } end
  return run(data.program, conn, {})
end

function on_command(conn, command) return run(command.params.program, conn, command) end

function on_event(event) return run(event.program, nil, event) end
