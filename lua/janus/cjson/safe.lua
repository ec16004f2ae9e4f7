-- The module "cjson.safe": as "cjson", but errors are returned: nil and a text.

local host = ...

local cjson = host.loaded.cjson
local safe = {}
for name, value in next, cjson do safe[name] = value end

local function returned(ok, value)
  if ok then return value end
  return nil, value
end

function safe.encode(value) return returned(host.pcall(cjson.encode, value)) end
function safe.decode(text) return returned(host.pcall(cjson.decode, text)) end
function safe.new() return safe end

return safe
