-- The module "json" that scripts of Janus know (LuaJSON): json.encode, json.decode, json.util.null.

local host = ...

-- A function, as there: it is true in a condition, and calling it gives itself.
local function null() return null end

local rawlen = rawlen

local kind = {
  null = null,
  array = host.array,
  number = tostring,
  -- An empty table is an object, unless it was decoded from an array.
  length = function(list)
    local n = rawlen(list)
    if n == 0 and not host.is_array(list) then return nil end
    return host.json.within(list, n) and n or nil
  end,
}

local json = {}

function json.encode(value)
  return host.json.encode(value, kind)
end

local decoder = { strict = false, simple = false, default = false }

local function decode(text)
  return host.json.decode(text, kind)
end

-- json.decode.simple and the like have the options of decode there; here all are the same.
for name in next, decoder do decoder[name] = decode end
json.decode = setmetatable(decoder, { __call = function(_, text) return decode(text) end, __metatable = false })

json.util = { null = null, InitArray = host.array }

return json
