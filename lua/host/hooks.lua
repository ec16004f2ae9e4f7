-- One entry for each hook: from staged arguments to the call, and from what the hook returned to a verdict.

local host = ...

local type, error, setmetatable, unpack = type, error, setmetatable, table.unpack

host.hooks = {}
host.hook_names = { on_command = true, on_event = true, on_message = true, on_connect = true, on_disconnect = true }
host.cannot_wait.on_event = "on_event cannot wait, events are handled in order: use task.spawn(function() ... end)"

local connections = {} -- by id, until the gateway forgets the client
local ids = setmetatable({}, { __mode = "k" }) -- what a script writes into conn.id changes nothing

local CONNECTION = { __name = "connection", __metatable = false }
CONNECTION.__index = CONNECTION

function CONNECTION:send(data)
  local id = ids[self]
  if not id then error("conn:send{...} is a method: call it with a colon", 0) end
  host.emit("send", id, data)
end

-- The connection of a client; `about` (null when nothing changed) is what is known of it.
local function connection(id, about)
  local conn = connections[id]
  if not conn then
    conn = setmetatable({ id = id }, CONNECTION)
    connections[id], ids[conn] = conn, id
  end
  if about ~= host.null then conn.user, conn.carrier = about.user, about.carrier end
  return conn
end

function host.forget(id)
  connections[id] = nil
end

local function returned(hook, value, wanted)
  error(hook .. " returned " .. (value == nil and "nothing" or "a " .. type(value)) .. "; " .. wanted, 0)
end

local COMMAND_WANTED = "return cmd, bridge.reply{...} or bridge.deny(\"why\")"

-- Result: "same", or an array of "command" | "system" | "reply" | "deny" and what belongs to it.
function host.entries.on_command()
  local staged = host.arguments()
  local id, about, command = unpack(staged.values)
  local value = host.hooks.on_command(connection(id, about), command)
  local verdict = host.verdicts[value]
  if verdict then return verdict end
  if type(value) ~= "table" then returned("on_command", value, COMMAND_WANTED) end
  if host.same(value, staged.tokens, staged.starts[3]) then return "same" end
  return host.array { "command", value }
end

-- Result: "same", "drop", or an array of "event" and the event.
function host.entries.on_event()
  local staged = host.arguments()
  local value = host.hooks.on_event(unpack(staged.values))
  if value == nil then return "drop" end
  if type(value) ~= "table" then returned("on_event", value, "return the event, or nil to drop it") end
  if host.same(value, staged.tokens, staged.starts[1]) then return "same" end
  return host.array { "event", value }
end

-- Result: "nothing", or an array of "answer" and the value.
function host.entries.on_message()
  local id, about, data = unpack(host.arguments().values)
  local value = host.hooks.on_message(connection(id, about), data)
  if value == nil then return "nothing" end
  return host.array { "answer", value }
end

function host.entries.on_connect()
  local id, about = unpack(host.arguments().values)
  host.hooks.on_connect(connection(id, about))
end

function host.entries.on_disconnect()
  local id, about, reason = unpack(host.arguments().values)
  host.hooks.on_disconnect(connection(id, about), reason)
end
