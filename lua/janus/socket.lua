-- The module "socket" as far as scripts use it: the time, and a sleep that keeps nobody else waiting. No sockets.

local host = ...

local clock, time = os.clock, os.time
local stamp, stamped = time() + 0.0, clock()

-- What the gateway's clock said just now. Between two waits the process's own CPU time is near enough.
function host.set_time(now)
  stamp, stamped = now, clock()
end

local socket = { _VERSION = "LuaSocket 3.0.0" }

function socket.gettime()
  local now = stamp + clock() - stamped
  local whole = time() + 0.0
  return now > whole and now or whole
end

function socket.sleep(seconds)
  seconds = tonumber(seconds) or error("socket.sleep takes a number of seconds", 2)
  host.set_time(host.wait("socket.sleep", seconds).now)
end

function socket.skip(count, ...)
  return select(count + 1, ...)
end

-- protect(fn) returns nil and the message where fn fails by try or newtry.
local Failure = {}

function socket.newtry(finalizer)
  return function(...)
    if (...) then return ... end
    if finalizer then host.pcall(finalizer) end
    error(setmetatable({ message = select(2, ...) }, Failure), 0)
  end
end
socket.try = socket.newtry()

local function settled(ok, first, ...)
  if ok then return first, ... end
  if getmetatable(first) == Failure then return nil, first.message end
  error(first, 0)
end

function socket.protect(fn)
  return function(...) return settled(host.pcall(fn, ...)) end
end

local NONE = "there are no sockets here: use socket.http, to hosts that http_allow of [[janus.lua]] names"

for name in string.gmatch("tcp tcp4 tcp6 udp udp4 udp6 connect connect4 connect6 bind select", "%w+") do
  socket[name] = function() error("socket." .. name .. ": " .. NONE, 2) end
end

return socket
