-- How JSON values cross between the gateway and a script: as a flat row of scalars ("tokens"), in both directions.
--
--   string, number, boolean   itself
--   null                      nil "n" 0
--   array of n values         nil "a" n  value ...
--   object of n members       nil "o" n  key value ...
--
-- A flat row costs one crossing for a whole value, and no table of Lua's is ever held by Python.

local host = ...

local next, type, select, rawlen, rawget, setmetatable, error = next, type, select, rawlen, rawget, setmetatable, error
local getmetatable, utf8_len, tostring = debug.getmetatable, utf8.len, tostring

local MAX_DEPTH = 100
local MAX_TOKENS = 200000

local null = setmetatable({}, {
  __name = "null",
  __tostring = function() return "null" end,
  __newindex = function() error("null has no fields", 2) end,
  __metatable = false,
})
local ARRAY = { __name = "array", __metatable = "array" }

host.null = null

-- Marks a table as an array, which tells an empty one from an empty object.
function host.array(list)
  if type(list) ~= "table" then error("bridge.array takes a table", 0) end
  return setmetatable(list, ARRAY)
end

function host.is_array(list)
  return getmetatable(list) == ARRAY
end

-- The value at tokens[i], and the index after it.
local function build(tokens, i)
  local value = tokens[i]
  if value ~= nil then return value, i + 1 end
  local kind, n = tokens[i + 1], tokens[i + 2]
  i = i + 3
  if kind == "n" then return null, i end
  local result = {}
  if kind == "a" then
    for k = 1, n do result[k], i = build(tokens, i) end
    return setmetatable(result, ARRAY), i
  end
  for _ = 1, n do
    local key = tokens[i]
    value = tokens[i + 1]
    if value ~= nil then
      result[key] = value
      i = i + 2
    else
      result[key], i = build(tokens, i + 1)
    end
  end
  return result, i
end
host.build = build

local function count(list)
  local n = 0
  for _ in next, list do n = n + 1 end
  return n
end

-- The index after tokens[i], where a table or null begins, if `value` is still what the tokens said; else nil.
local function same(value, tokens, i)
  local kind, n = tokens[i + 1], tokens[i + 2]
  i = i + 3
  if kind == "n" then return value == null and i or nil end
  if type(value) ~= "table" or (getmetatable(value) == ARRAY) ~= (kind == "a") or count(value) ~= n then return nil end
  for k = 1, n do
    local key = k
    if kind == "o" then
      key = tokens[i]
      i = i + 1
    end
    local token = tokens[i]
    if token == nil then
      i = same(value[key], tokens, i)
      if not i then return nil end
    elseif value[key] == token then
      i = i + 1
    else
      return nil
    end
  end
  return i
end

-- Whether a table is still what the tokens from tokens[i] on said.
function host.same(value, tokens, i)
  return same(value, tokens, i) ~= nil
end

local function refuse(key, what)
  error((key and "'" .. tostring(key) .. "' " or "the value ") .. what, 0)
end

local function check_number(value, key)
  if value ~= value or value == 1 / 0 or value == -1 / 0 then
    refuse(key, "is " .. tostring(value) .. ", which JSON has not")
  end
end

-- While host.any_bytes is set, the gateway is ready for strings that are no text.
local function check_string(value, key)
  if host.any_bytes or utf8_len(value) then return end
  refuse(key, "is not UTF-8 text; encode binary data, as base64 for instance")
end

-- The length of the array that `value` is, or nil when it is an object.
local function array_length(value, key)
  local n = rawlen(value)
  local marked = getmetatable(value) == ARRAY
  if not marked and n == 0 then return nil end
  if count(value) ~= n then
    refuse(key, "is neither an array (1, 2, 3 ... without holes) nor an object (string keys)")
  end
  return n
end

local flatten

local function flatten_object(value, out, n, depth, key)
  local at, members = n + 3, 0
  n = at
  for name, member in next, value do
    if type(name) ~= "string" then refuse(key, "has the key " .. tostring(name) .. "; keys of objects are strings") end
    check_string(name, key)
    n = n + 1
    out[n] = name
    n = flatten(member, out, n, depth + 1, name)
    members = members + 1
  end
  out[at - 2], out[at - 1], out[at] = nil, "o", members
  return n
end

local function flatten_table(value, out, n, depth, key)
  if depth > MAX_DEPTH then refuse(key, "is nested deeper than " .. MAX_DEPTH .. " levels, or contains itself") end
  local length = array_length(value, key)
  if not length then return flatten_object(value, out, n, depth, key) end
  out[n + 1], out[n + 2], out[n + 3] = nil, "a", length
  n = n + 3
  for k = 1, length do n = flatten(rawget(value, k), out, n, depth + 1, k) end
  return n
end

-- Appends the tokens of `value` to out after out[n]; returns the new n. Errors name the key that cannot be JSON.
function flatten(value, out, n, depth, key)
  local kind = type(value)
  if n > MAX_TOKENS then refuse(nil, "is too large to leave a script") end
  if kind == "table" and value ~= null then return flatten_table(value, out, n, depth, key) end
  if value == null or kind == "nil" then
    out[n + 1], out[n + 2], out[n + 3] = nil, "n", 0
    return n + 3
  end
  if kind == "number" then
    check_number(value, key)
  elseif kind == "string" then
    check_string(value, key)
  elseif kind ~= "boolean" then
    refuse(key, "is a " .. kind .. "; only nil, booleans, numbers, strings and tables can leave a script")
  end
  out[n + 1] = value
  return n + 1
end

function host.flatten(value, out, n)
  return flatten(value, out, n, 1, nil)
end

-- The same for several values, as one array; a nil among them is null.
function host.flatten_row(out, n, ...)
  local length = select("#", ...)
  out[n + 1], out[n + 2], out[n + 3] = nil, "a", length
  n = n + 3
  for k = 1, length do n = flatten((select(k, ...)), out, n, 2, nil) end
  return n
end
