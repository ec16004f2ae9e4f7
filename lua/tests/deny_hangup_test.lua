-- Tests of lua/examples/deny_hangup.lua.

local hangup = { op = "channels.hangup", params = { channelId = "1.2" } }

function test_agents_may_not_hang_up()
  local verdict = T.command(T.conn { roles = { "agent" } }, hangup)
  T.equal(verdict, { kind = "deny", why = "only supervisors hang up calls" })
end

function test_supervisors_may()
  local verdict = T.command(T.conn { roles = { "agent", "supervisor" } }, hangup)
  T.equal(verdict.kind, "pass")
  T.equal(verdict.cmd.params, hangup.params)
end

function test_agents_may_do_everything_else()
  local verdict = T.command(T.conn { roles = { "agent" } }, { op = "channels.answer", params = { channelId = "1.2" } })
  T.equal(verdict.kind, "pass")
end
