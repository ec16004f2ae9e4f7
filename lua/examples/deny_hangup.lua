-- Only supervisors hang up calls.

local bridge = require "bridge"

local function has_role(conn, wanted)
  for _, role in ipairs(conn.user.roles) do
    if role == wanted then return true end
  end
  return false
end

function on_command(conn, cmd)
  if cmd.op == "channels.hangup" and not has_role(conn, "supervisor") then
    return bridge.deny("only supervisors hang up calls")
  end
  return cmd
end
