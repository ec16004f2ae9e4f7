-- The module "cjson" (Lua CJSON, https://kyne.com.au/~mark/software/lua-cjson-manual.html): encode, decode, null, new,
-- and the settings, which are those of one instance. Nothing is nested deeper here than 200 levels.

local host = ...

local format, type, error, math_type, select = string.format, type, error, math.type, select

local settings -- by name: a function that changes what it is given, and returns what it is now

local function array(list) return list end

-- Numbers decode to floats; those that are whole are written without a point.
local function number_of(config)
  return function(number) return format("%." .. config.precision .. "g", number) end
end

-- An empty table is an object; holes are null unless there are more of them than `ratio` allows.
local function length_of(config)
  return function(list)
    local most, count = host.json.extent(list)
    if not most or most == 0 then return nil end
    if config.ratio > 0 and most > config.safe and most > count * config.ratio then
      if config.convert then return nil end
      error("Cannot serialise table: excessively sparse array", 0)
    end
    return most
  end
end

local function bounded(most)
  return most < host.json.MAX_DEPTH and most or host.json.MAX_DEPTH
end

local function new()
  local config = {
    convert = false, ratio = 2, safe = 10, precision = 14, invalid = false, keep = true, decoded = true,
    encode_depth = 1000, decode_depth = 1000,
  }
  local number, length = number_of(config), length_of(config)
  local kind = { null = host.null, floats = true, array = array, number = number, length = length }
  local cjson = { null = host.null, new = new, _NAME = "cjson", _VERSION = "2.1.0" }
  function cjson.encode(value)
    kind.invalid, kind.depth = config.invalid == "null" and "null" or nil, bounded(config.encode_depth)
    return host.json.encode(value, kind)
  end
  function cjson.decode(text)
    kind.depth = bounded(config.decode_depth)
    return host.json.decode(text, kind)
  end
  for name, change in next, settings do
    cjson[name] = function(...) return change(config, ...) end
  end
  return cjson
end

local function whole(value, least, most)
  local number = math_type(value) and value // 1 == value and value
  if not number or number < least or number > most then
    error("expected a whole number from " .. least .. " to " .. most, 0)
  end
  return number // 1 | 0
end

local function one_of(value, ...)
  for k = 1, select("#", ...) do
    if value == select(k, ...) then return value end
  end
  error("invalid option '" .. tostring(value) .. "'", 0)
end

local function depth(field)
  return function(config, most)
    if most ~= nil then config[field] = whole(most, 1, 1 << 31) end
    return config[field]
  end
end

local function choice(field, ...)
  local choices = table.pack(...)
  return function(config, value)
    if value == "on" or value == "off" then value = value == "on" end
    if value ~= nil then config[field] = one_of(value, table.unpack(choices, 1, choices.n)) end
    return config[field]
  end
end

settings = {
  encode_max_depth = depth("encode_depth"),
  decode_max_depth = depth("decode_depth"),
  encode_keep_buffer = choice("keep", true, false),
  encode_invalid_numbers = choice("invalid", true, false, "null"),
  decode_invalid_numbers = choice("decoded", true, false),
  encode_number_precision = function(config, digits)
    if digits ~= nil then config.precision = whole(digits, 1, 14) end
    return config.precision
  end,
  encode_sparse_array = function(config, convert, ratio, safe)
    if convert ~= nil then config.convert = one_of(convert, true, false) end
    if ratio ~= nil then config.ratio = whole(ratio, 0, 1 << 31) end
    if safe ~= nil then config.safe = whole(safe, 0, 1 << 31) end
    return config.convert, config.ratio, config.safe
  end,
}

return new()
