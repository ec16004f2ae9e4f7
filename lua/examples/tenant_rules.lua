-- Each tenant calls through its own trunk, shows its own number, and reaches no other tenant's phones.

local bridge = require "bridge"

local TENANTS = {
  acme = { phones = "^PJSIP/acme%-", trunk = "PJSIP/%s@acme-trunk", number = "+43155512" },
  globex = { phones = "^PJSIP/globex%-", trunk = "PJSIP/%s@globex-trunk", number = "+43155513" },
}

local ORIGINATES = { ["channels.originate"] = true, ["channels.originateWithId"] = true, ["channels.create"] = true }

function on_command(conn, cmd)
  if not ORIGINATES[cmd.op] then return cmd end
  local rules = TENANTS[conn.user.tenant or ""]
  if not rules then return bridge.deny("your token names no tenant that may call") end
  local number = cmd.params.endpoint:match("^tel:(%+?%d+)$")
  if number then
    cmd.params.endpoint = rules.trunk:format(number)
    cmd.params.callerId = rules.number
  elseif not cmd.params.endpoint:find(rules.phones) then
    return bridge.deny("this phone is not one of " .. conn.user.tenant)
  end
  return cmd
end
