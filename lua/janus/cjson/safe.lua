-- The module "cjson.safe": as "cjson", but errors are returned: nil and a text.

local host = ...

local function returned(ok, value)
  if ok then return value end
  return nil, value
end

local function guarded(cjson)
  local encode, decode, new = cjson.encode, cjson.decode, cjson.new
  function cjson.encode(value) return returned(host.pcall(encode, value)) end
  function cjson.decode(text) return returned(host.pcall(decode, text)) end
  function cjson.new() return guarded(new()) end
  return cjson
end

return guarded(host.loaded.cjson.new())
