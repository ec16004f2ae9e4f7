-- The module "socket.http": requests that wait without keeping anybody else waiting, to the hosts that http_allow of
-- [[janus.lua]] names.

local host = ...

local ltn12, mime = host.loaded.ltn12, host.loaded.mime
local concat, lower, upper = table.concat, string.lower, string.upper
local tonumber, tostring, type, error = tonumber, tostring, type, error

local LONGEST = 60

local http = { TIMEOUT = 60, USERAGENT = "aribridge", _VERSION = "LuaSocket 3.0.0" }

local function text_headers(headers)
  local list = host.array {}
  for name, value in next, headers or {} do list[#list + 1] = host.array { tostring(name), tostring(value) } end
  return list
end

local function named(headers, wanted)
  for name in next, headers or {} do
    if lower(tostring(name)) == wanted then return true end
  end
  return false
end

-- All that the source gives, at once.
local function collected(source)
  if not source then return "" end
  local chunks = {}
  local ok, problem = ltn12.pump.all(source, (ltn12.sink.table(chunks)))
  if not ok then return nil, problem end
  return concat(chunks)
end

-- Seconds; nil, less than 0 and more than there may be are as long as there may be.
local function patience()
  local seconds = tonumber(http.TIMEOUT or LONGEST)
  if not seconds then error("http.TIMEOUT is a number of seconds, not " .. tostring(http.TIMEOUT), 0) end
  return seconds >= 0 and seconds < LONGEST and seconds or LONGEST
end

-- Where to go next is followed for what only reads, as there.
local function follows(request)
  local method = upper(request.method or "GET")
  return request.redirect ~= false and (method == "GET" or method == "HEAD")
end

local function prepared(request, body)
  local headers = text_headers(request.headers)
  if not named(request.headers, "user-agent") then
    headers[#headers + 1] = host.array { "User-Agent", http.USERAGENT }
  end
  if request.user and not named(request.headers, "authorization") then
    local basic = mime.b64(request.user .. ":" .. (request.password or ""))
    headers[#headers + 1] = host.array { "Authorization", "Basic " .. basic }
  end
  return {
    method = request.method or "GET", url = request.url, headers = headers, body = body,
    timeout = patience(), redirect = follows(request),
  }
end

local function given(reply, sink)
  if sink then
    local ok, problem = ltn12.pump.all(ltn12.source.string(reply.body), sink)
    if not ok then return nil, problem end
  end
  return 1, reply.status, reply.headers, reply.line
end

-- The generic form: a table with url, method, headers, source, sink, user, password, redirect.
-- Returns 1, status, headers, status line; or nil and what failed.
function http.genericform(request)
  if type(request.url) ~= "string" then error("http.request takes a URL, or a table with one", 2) end
  local body, problem = collected(request.source)
  if not body then return nil, problem end
  local reply = host.wait("socket.http", prepared(request, body))
  host.set_time(reply.now)
  if reply.problem then return nil, reply.problem end
  return given(reply, request.sink)
end

local function simple(url, body)
  local chunks = {}
  local request = { url = url, sink = ltn12.sink.table(chunks) }
  if body then
    body = tostring(body)
    request.method, request.source = "POST", ltn12.source.string(body)
    request.headers = { ["content-type"] = "application/x-www-form-urlencoded", ["content-length"] = #body }
  end
  local ok, status, headers, line = http.genericform(request)
  if not ok then return nil, status end
  return concat(chunks), status, headers, line
end

function http.request(request, body)
  if type(request) == "string" then return simple(request, body) end
  return http.genericform(request)
end

return http
