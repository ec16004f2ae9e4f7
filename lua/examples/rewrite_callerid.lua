-- Outgoing calls show the company, whatever the browser asked for.

local COMPANY = "ACME <+43155512>"

function on_command(conn, cmd)
  if cmd.op == "channels.originate" or cmd.op == "channels.originateWithId" then
    cmd.params.callerId = COMPANY
  end
  return cmd
end
