-- Tests of lua/examples/rewrite_callerid.lua.

local function passed(op, params)
  local verdict = T.command(T.conn(), { op = op, params = params })
  T.equal(verdict.kind, "pass")
  return verdict.cmd.params
end

function test_outgoing_calls_show_the_company()
  for _, op in ipairs { "channels.originate", "channels.originateWithId" } do
    local params = passed(op, { endpoint = "PJSIP/200", callerId = "me" })
    T.equal(params, { endpoint = "PJSIP/200", callerId = "ACME <+43155512>" }, op)
  end
end

function test_other_commands_pass_as_they_are()
  T.equal(passed("channels.get", { channelId = "1.2" }), { channelId = "1.2" })
end
