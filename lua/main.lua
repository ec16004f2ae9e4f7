-- The stock script: everything passes. Copy it, change it, and name your copy in aribridge.toml:
--
--   [scripts]
--   files = ["/etc/aribridge/my.lua"]
--
-- docs/lua.md explains all that is used here, and more; lua/examples/ has scripts that decide something.

local bridge = require "bridge"

-- A client has authenticated and is connected.
function on_connect(conn)
  bridge.log("info", "connected", { connection = conn.id, user = conn.user.sub, carrier = conn.carrier })
end

-- A client is gone.
function on_disconnect(conn, reason)
  bridge.log("info", "disconnected", { connection = conn.id, user = conn.user.sub, reason = reason })
end

-- The next two are on the path of every command and every event, so they are here only when you need them: take the
-- dashes away.

-- A client wants Asterisk to do something: cmd.op is the operation ("channels.originate"), cmd.params its parameters.
-- Return cmd to let it pass, changed or not; or bridge.deny("why"); or bridge.reply{status = 200, body = {...}}.
--
-- function on_command(conn, cmd)
--   return cmd
-- end

-- Something happened to a call: event.type is "StasisStart", "ChannelDestroyed" and so on. Clients see what you return;
-- nil keeps it from them. Be brief.
--
-- function on_event(event)
--   return event
-- end

-- A client sent data to the scripts; what you return is its answer.
function on_message(conn, data)
  if data == "echo" or (type(data) == "table" and data[1] == "echo") then return data end
  return { error = "the stock script answers \"echo\" only" }
end
