-- Looks callers up over HTTP and tells clients who it is, as an event "CallerLookup" of its own: the call's own event
-- does not wait for the answer. Needs scripts.http_allow = ["127.0.0.1:*"], or your CRM's host.

local bridge = require "bridge"
local task = require "task"

local URL = "http://127.0.0.1:8000/callers/"

local function look_up(channel, target)
  local ok, answer = pcall(bridge.http, { url = URL .. channel.caller.number:gsub("[^%d]", ""), timeout = 3 })
  if not ok or answer.status ~= 200 then
    local why = ok and answer.status or tostring(answer)
    return bridge.log("warning", "nobody knows the caller", { number = channel.caller.number, why = why })
  end
  bridge.publish({ type = "CallerLookup", channel = { id = channel.id }, caller = answer.json }, target)
end

function on_event(event, target)
  if event.type == "StasisStart" and event.channel.caller.number ~= "" then
    task.spawn(look_up, event.channel, target)
  end
  return event
end
