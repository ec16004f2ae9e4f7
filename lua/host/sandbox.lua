-- The globals of a script: what is harmless, guarded where one call could run for long, and nothing else.
-- No os (but for the time), io, debug, package, load, dofile, collectgarbage, and nothing of Python's.

local host = ...

local type, rawlen, rawget, error, select = type, rawlen, rawget, error, select
local raw_setmetatable, raw_getmetatable = setmetatable, debug.getmetatable
local check = host.check_budget

local LARGE = 10000

local function copy(library, names)
  local result = {}
  for _, name in ipairs(names) do result[name] = library[name] end
  return result
end

-- A C function runs to its end without a look at the clock: look before each call that works on something large.
local function guarded(fn)
  return function(first, ...)
    if type(first) == "string" and #first > LARGE then check() end
    return fn(first, ...)
  end
end

local string_library = copy(string, { "char" })
for _, name in ipairs { "byte", "format", "len", "lower", "pack", "packsize", "reverse", "sub", "unpack", "upper" } do
  string_library[name] = guarded(string[name])
end
for name, fn in next, host.patterns do string_library[name] = guarded(fn) end

local rep = string.rep
function string_library.rep(text, n, separator)
  check()
  -- Repeating nothing makes nothing, but the loop would count all the way.
  if text == "" and (separator == nil or separator == "") then return "" end
  local made = rep(text, n, separator)
  if #made > LARGE then check() end
  return made
end

-- The functions of `table` believe __len; a made-up length would keep them busy for ever.
local function guarded_table(fn)
  return function(list, ...)
    if type(list) == "table" then
      local meta = raw_getmetatable(list)
      if meta and rawget(meta, "__len") then error("the functions of table take no tables with __len", 2) end
      if rawlen(list) > LARGE then check() end
    end
    return fn(list, ...)
  end
end

local table_library = copy(table, { "pack" })
for _, name in ipairs { "concat", "insert", "remove", "unpack" } do table_library[name] = guarded_table(table[name]) end

local function ascending(a, b) return a < b end

local sort = guarded_table(table.sort)
-- A comparison in Lua lets the clock be looked at in between.
function table_library.sort(list, less)
  return sort(list, less or ascending)
end

local move = table.move
function table_library.move(from, first, last, ...)
  check()
  if math.type(first) == "integer" and math.type(last) == "integer" and last - first > 100000 then
    error("table.move takes at most 100000 elements", 2)
  end
  return move(from, first, last, ...)
end

-- A finalizer would run at any time, and with the clock switched off.
local function checked_setmetatable(object, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then error("__gc is not available to scripts", 2) end
  return raw_setmetatable(object, meta)
end

local function handled(handler, ok, ...)
  if ok then return true, ... end
  return false, handler(...)
end

-- The handler runs after the stack is unwound: in place, it would run with the clock switched off.
local function checked_xpcall(fn, handler, ...)
  return handled(handler, host.pcall(fn, ...))
end

local function print_to_log(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  host.loaded.bridge.log(table.concat(words, "\t"))
end

-- Methods of strings come from the same guarded library.
raw_getmetatable("").__index = string_library
raw_getmetatable("").__metatable = "string"

local env = copy(_G, {
  "assert", "error", "getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget", "rawlen", "rawset",
  "select", "tonumber", "tostring", "type", "_VERSION",
})
env.setmetatable = checked_setmetatable
env.pcall = host.pcall
env.xpcall = checked_xpcall
env.print = print_to_log
env.string = string_library
env.table = table_library
env.coroutine = host.coroutine
env.math = copy(math, {
  "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger",
  "min", "mininteger", "modf", "pi", "rad", "random", "randomseed", "sin", "sqrt", "tan", "tointeger", "type", "ult",
})
env.utf8 = copy(utf8, { "char", "charpattern", "codepoint", "codes", "len", "offset" })
env.os = copy(os, { "clock", "date", "difftime", "time" })
env._G = env
host.env = env
