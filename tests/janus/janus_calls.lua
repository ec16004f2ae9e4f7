-- Calls what a message says, with its arguments, or returns what it says: for the same question on Janus and here.

local json = require "json"

local function nothing() end
init, destroy, createSession, destroySession, querySession = nothing, nothing, nothing, nothing, nothing
setupMedia, hangupMedia, resumeScheduler = nothing, nothing, nothing

function getPackage() return "test.plugin.calls" end

local function values(list, n, id)
  local taken = {}
  for k = 1, n do
    local value = list[tostring(k)]
    if value == "<id>" then value = id end
    taken[k] = value
  end
  return table.unpack(taken, 1, n)
end

function handleMessage(id, _, text)
  local message = json.decode(text)
  if message.returns then return values(message.returns, message.n) end
  return 0, json.encode { result = _G[message.call](values(message.arguments, message.n, id)) // 1 }
end
