-- Tests of lua/examples/answer_message.lua.

function test_counts_calls()
  T.ari("channels.list", function() return { { id = "1.2" }, { id = "1.3" } } end)
  T.equal(T.message(T.conn(), { ask = "calls" }), { calls = 2 })
  T.equal(T.calls(), { { op = "channels.list", params = {} } })
end

function test_tells_of_an_error_and_logs_it()
  T.ari("channels.list", function() return T.error { status = 503, code = "target_down", detail = "no link" } end)
  T.equal(T.message(T.conn(), { ask = "calls" }), { error = "no link (target_down)" })
  T.equal(T.logs()[1].level, "warning")
end

function test_leaves_other_messages_to_others()
  T.equal(T.message(T.conn(), { ask = "else" }), nil)
  T.equal(T.message(T.conn(), "calls"), nil)
end
