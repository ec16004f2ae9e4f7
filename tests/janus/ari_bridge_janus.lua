-- A plugin for Janus: what a browser writes on its data channel becomes a request to ARI, whose answer comes back on the
-- same channel. Runs as it is on Janus 1.1 and on aribridge. `config` is the base address with user and password.
--
--   {"id": 1, "method": "GET", "path": "/asterisk/info"}   ->   {"id": 1, "status": 200, "body": {...}}

local json = require "json"
local http = require "socket.http"
local ltn12 = require "ltn12"
local sdp = require "janus-sdp"

local base
local tasks = {}
local unsent = {} -- answers by session, until its data channel is ready for them

function getPackage() return "janus.plugin.aribridge.demo" end

function init(config) base = config end
function destroy() end
function createSession(id) unsent[id] = {} end
function destroySession(id) unsent[id] = nil end
function querySession(id) return json.encode({ id = id }) end
function setupMedia(id) end
function hangupMedia(id) end

local function answer(id, transaction, offer)
  local accepted = sdp.generateAnswer(sdp.parse(offer.sdp), { audio = false, video = false, data = true })
  local description = { type = "answer", sdp = sdp.render(accepted) }
  pushEvent(id, transaction, json.encode({ result = "ok" }), json.encode(description))
end

function handleMessage(id, transaction, message, jsep)
  if jsep == nil then return 0, json.encode({ result = "hello" }) end
  tasks[#tasks + 1] = coroutine.create(function() answer(id, transaction, json.decode(jsep)) end)
  pokeScheduler()
  return 1, nil
end

function resumeScheduler()
  for _, task in ipairs(tasks) do
    local ok, problem = coroutine.resume(task)
    if not ok then janusLog(2, tostring(problem)) end
  end
  tasks = {}
end

local function ask(request)
  local body = request.body and json.encode(request.body) or nil
  local chunks = {}
  local done, status = http.request {
    method = request.method,
    url = request.url or base .. request.path,
    headers = body and { ["content-type"] = "application/json", ["content-length"] = tostring(#body) } or nil,
    source = body and ltn12.source.string(body) or nil,
    sink = ltn12.sink.table(chunks),
  }
  if not done then return { id = request.id, error = status } end
  local text = table.concat(chunks)
  return { id = request.id, status = status, body = text ~= "" and json.decode(text) or nil }
end

function incomingTextData(id, text, length, label, protocol)
  local reply = json.encode(ask(json.decode(text)))
  if relayTextData(id, reply, #reply, label, protocol) < 0 then table.insert(unsent[id], reply) end
end

function dataReady(id)
  local replies = unsent[id] or {}
  unsent[id] = {}
  for _, reply in ipairs(replies) do relayTextData(id, reply, #reply) end
end
