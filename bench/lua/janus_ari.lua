-- The peer: a script of Janus's Lua plugin that turns each data message into a request to ARI, over a connection that it
-- keeps. Its plugin has no asynchronous I/O, so each request blocks. It also sends messages to all sessions, in a burst
-- or paced. `config` is "host port slow-port base64(user:password)"; requests with the target "slow" go to the slow port.

local json = require "cjson"
local socket = require "socket"
local sdp = require "janus-sdp"

local host, credentials
local ports, connections = {}, {}
local sessions, tasks = {}, {}
local paced = { left = 0 }
local FILLING = string.rep("x", 1100)

function getPackage() return "janus.plugin.bench" end

function init(config) host, ports.pbx, ports.slow, credentials = config:match("(%S+) (%S+) (%S+) (%S+)") end
function destroy() end
function createSession(id) sessions[id] = true end
function destroySession(id) sessions[id] = nil end
function querySession(id) return json.encode({ id = id }) end
function setupMedia(id) end
function hangupMedia(id) end

function handleMessage(id, transaction, message, jsep)
  if jsep == nil then return 0, json.encode({ result = "ok" }) end
  table.insert(tasks, { id = id, transaction = transaction, offer = json.decode(jsep).sdp })
  pokeScheduler()
  return 1, nil
end

function resumeScheduler()
  local waiting = tasks
  tasks = {}
  for _, task in ipairs(waiting) do
    local accepted = sdp.generateAnswer(sdp.parse(task.offer), { audio = false, video = false, data = true })
    local description = { type = "answer", sdp = sdp.render(accepted) }
    pushEvent(task.id, task.transaction, json.encode({ result = "ok" }), json.encode(description))
  end
end

local function connect(target)
  local connection = assert(socket.connect(host, tonumber(ports[target])))
  connection:setoption("tcp-nodelay", true)
  connections[target] = connection
  return connection
end

local function begin(connection, method, path)
  connection:send(table.concat {
    method, " /ari", path, " HTTP/1.1\r\nHost: ", host, "\r\nAuthorization: Basic ", credentials, "\r\n\r\n" })
  return connection:receive("*l")
end

local function ask(target, method, path)
  local connection = connections[target] or connect(target)
  local first = begin(connection, method, path)
  if first == nil then -- Asterisk closes what was idle for 15 seconds, and an error here would end Janus
    connection = connect(target)
    first = assert(begin(connection, method, path))
  end
  local status, length = tonumber(first:match("^HTTP/1%.1 (%d+)")), 0
  for line in function() return connection:receive("*l") end do
    if line == "" then break end
    length = tonumber(line:lower():match("^content%-length: (%d+)")) or length
  end
  return status, length > 0 and json.decode((connection:receive(length))) or nil
end

local function tell_all(number)
  local text = json.encode({ type = "event", data = { type = "Bench", number = number, filling = FILLING } })
  for id in pairs(sessions) do relayTextData(id, text, #text) end
end

function tick()
  tell_all(paced.left)
  paced.left = paced.left - 1
  if paced.left > 0 then timeCallback("tick", nil, paced.every) end
end

local function order(id, wish)
  if wish.burst then for number = 1, wish.burst do tell_all(number) end end
  if wish.paced then
    paced = { left = wish.paced, every = wish.every }
    timeCallback("tick", nil, wish.every)
  end
  return { status = 200 }
end

function incomingTextData(id, text)
  local request = json.decode(text)
  local reply
  if request.type == "message" then
    reply = request.data.echo and { status = 200 } or order(id, request.data)
  else
    local status, body = ask(request.target, request.method, request.path)
    reply = { status = status, body = body }
  end
  reply.type, reply.id = "reply", request.id
  local answer = json.encode(reply)
  relayTextData(id, answer, #answer)
end
