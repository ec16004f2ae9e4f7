-- The module "cjson" (Lua CJSON) as far as scripts use it: encode, decode, null, and settings, which change nothing.

local host = ...

local format = string.format

local MOST_SPARSE, SAFE = 2, 10

local kind = { null = host.null, floats = true, array = function(list) return list end }

-- Numbers decode to floats; those that are whole are written without a point.
function kind.number(number)
  return format("%.14g", number)
end

-- An empty table is an object; holes are null unless there are more of them than elements.
function kind.length(list)
  local most, count = host.json.extent(list)
  if not most or most == 0 then return nil end
  if most > SAFE and most > count * MOST_SPARSE then error("Cannot serialise table: excessively sparse array", 0) end
  return most
end

local cjson = { null = host.null, _NAME = "cjson", _VERSION = "2.1.0" }

function cjson.encode(value) return host.json.encode(value, kind) end
function cjson.decode(text) return host.json.decode(text, kind) end
function cjson.new() return cjson end

local function setting() end
for _, name in ipairs {
  "encode_sparse_array", "encode_max_depth", "encode_number_precision", "encode_keep_buffer", "encode_invalid_numbers",
  "decode_max_depth", "decode_invalid_numbers",
} do
  cjson[name] = setting
end

return cjson
