-- The library "bit32" (Lua 5.2, and Debian's Lua 5.3 still): numbers taken as 32 bits without a sign.

local select, error, tointeger = select, error, math.tointeger

local ALL = 0xFFFFFFFF

local function bits(value)
  local number = tointeger(value) or (tonumber(value) or error("number expected, got " .. type(value), 0)) // 1 % 2^32
  return tointeger(number) & ALL
end

local function folded(start, combine)
  return function(...)
    local result = start
    for k = 1, select("#", ...) do result = combine(result, bits((select(k, ...)))) end
    return result
  end
end

local bit32 = {
  band = folded(ALL, function(a, b) return a & b end),
  bor = folded(0, function(a, b) return a | b end),
  bxor = folded(0, function(a, b) return a ~ b end),
}

function bit32.bnot(x) return ~bits(x) & ALL end
function bit32.btest(...) return bit32.band(...) ~= 0 end
function bit32.lshift(x, by) return bits(x) << by & ALL end
function bit32.rshift(x, by) return bits(x) >> by & ALL end

function bit32.arshift(x, by)
  x = bits(x)
  if by < 0 or x < 0x80000000 then return bit32.rshift(x, by) end
  return (x | ~ALL) >> (by < 32 and by or 32) & ALL
end

function bit32.lrotate(x, by)
  x, by = bits(x), by % 32
  return (x << by | x >> 32 - by) & ALL
end

function bit32.rrotate(x, by) return bit32.lrotate(x, -by) end

local function mask(field, width)
  width = width or 1
  if field < 0 or width < 1 or field + width > 32 then error("trying to access non-existent bits", 0) end
  return ALL >> 32 - width
end

function bit32.extract(x, field, width) return bits(x) >> field & mask(field, width) end

function bit32.replace(x, value, field, width)
  local wide = mask(field, width)
  return bits(x) & ~(wide << field) & ALL | (bits(value) & wide) << field
end

return bit32
