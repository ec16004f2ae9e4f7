-- A call queue: callers hear music and their position, and three phones answer in turn. Dashboards that subscribe to
-- events of type "Queue" see who waits; phones pause and come back by a message: {"pause": "PJSIP/200"}.

local queue = require "queue"

local sales = queue.new("sales", { strategy = "round-robin", ring = 20, timeout = 300, announce = 30 })
for _, phone in ipairs { "PJSIP/200", "PJSIP/201", "PJSIP/202" } do sales:add(phone) end

function on_message(conn, data)
  if type(data) ~= "table" or not (data.pause or data.back) then return nil end
  sales:pause(data.pause or data.back, data.pause ~= nil)
  return { members = sales.members, waiting = #sales.waiting }
end

function accepts(call)
  return call.exten == "7100"
end

function on_call(call)
  if sales:enter(call) ~= "answered" then call:play("sound:vm-goodbye") end
end
