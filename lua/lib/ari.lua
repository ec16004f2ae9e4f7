-- The built-in module "ari": every operation of the connected Asterisk. Each call waits for Asterisk's answer, without
-- keeping anybody else waiting, and returns the decoded body or raises an error table.

local host = ...

local function resource_of(target, resource)
  return setmetatable({}, {
    __index = function(_, operation)
      return function(params) return host.wait("call", target, resource .. "." .. operation, params or {}) end
    end,
    __metatable = false,
  })
end

-- ari.request{method = "POST", path = "/channels", query = {...}, body = {...}}
-- ari.request("POST", "/channels", {query = {...}, body = {...}})
local function request_of(target)
  return function(method, path, options)
    local request = method
    if type(method) == "string" then
      options = options or {}
      request = { method = method, path = path, query = options.query, body = options.body }
    end
    if type(request) ~= "table" or type(request.method) ~= "string" or type(request.path) ~= "string" then
      error("ari.request takes a method and a path: ari.request{method = \"GET\", path = \"/channels\"}", 0)
    end
    return host.wait("request", target, request.method, request.path, request.query, request.body)
  end
end

local api_of

-- The API of one Asterisk; nil is the only one there is.
function api_of(target)
  local api = { request = request_of(target) }
  function api.at(name)
    if type(name) ~= "string" then error("ari.at takes the name of a configured Asterisk", 0) end
    return api_of(name)
  end
  return setmetatable(api, {
    __index = function(_, resource) return resource_of(target, tostring(resource)) end,
    __metatable = false,
  })
end

return api_of(nil)
