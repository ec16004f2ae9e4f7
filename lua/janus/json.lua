-- The module "json" that scripts of Janus know (LuaJSON): json.encode, json.decode, json.util.

local host = ...

local rawlen, rawget, next, math_type, setmetatable = rawlen, rawget, next, math.type, setmetatable

-- A function, as there: it is true in a condition, and calling it gives itself.
local function null() return null end

-- table.pack leaves the length in n: such a table is an array of that many, if there is anything in it besides.
local function packed(list)
  local n = rawget(list, "n")
  if math_type(n) ~= "integer" or n < 0 then return nil end
  local others = 0
  for key in next, list do
    if key ~= "n" then
      if math_type(key) ~= "integer" or key < 1 or key > n then return nil end
      others = others + 1
    end
  end
  return (others > 0 or host.is_array(list)) and n or nil
end

-- The length of the array that a table is. An empty table is an object, unless it was decoded from an array.
local function length(list)
  local n = rawlen(list)
  if rawget(list, "n") ~= nil then return packed(list) end
  if n == 0 and not host.is_array(list) then return nil end
  return host.json.within(list, n) and n or nil
end

-- Where null is nil, the length of an array that was decoded is in n, as there.
local function counted(list, n) list.n = n end

local function kind_of(options)
  return {
    null = options.null, array = host.array, ended = options.null == nil and counted, number = tostring,
    length = length, depth = host.json.MAX_DEPTH,
  }
end

-- Options of decode: what null becomes, and whether an error is returned (nothrow) instead of thrown.
local strict, simple = { null = null }, {}
local kinds = { [strict] = kind_of(strict), [simple] = kind_of(simple) }

local function decode(text, options)
  local kind = kinds[options == simple and simple or strict]
  if type(options) ~= "table" or not options.nothrow then return host.json.decode(text, kind) end
  local ok, value = host.pcall(host.json.decode, text, kind)
  if ok then return value end
  return nil, value
end

local function encode(value)
  return host.json.encode(value, kinds[strict])
end

local function callable(fn, members)
  return setmetatable(members, { __call = function(_, ...) return fn(...) end, __metatable = false })
end

-- json.decode.simple and the like are options: json.decode(text, json.decode.simple).
local decoder = callable(decode, {
  decode = decode, default = strict, strict = strict, simple = simple,
  getDecoder = function(options) return function(text) return decode(text, options) end end,
})
local encoder = callable(encode, {
  encode = encode, default = {}, strict = {}, getEncoder = function() return encode end,
})

return {
  encode = encoder,
  decode = decoder,
  util = { null = null, InitArray = host.array, IsArray = host.is_array },
}
