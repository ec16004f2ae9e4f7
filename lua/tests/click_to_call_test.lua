-- Tests of lua/examples/click_to_call.lua.

local alice = T.conn { endpoints = { "PJSIP/200" } }

function test_the_own_phone_rings_first_then_the_other()
  local made = T.message(alice, { call = "PJSIP/201" })
  local own = T.dialled()[1]
  T.equal({ own.id, own.endpoint, own.caller_id }, { made.channel, "PJSIP/200", "PJSIP/201" })
  own:answer()
  local other = T.dialled()[1]
  T.equal(other.endpoint, "PJSIP/201")
  other:answer()
  T.equal(own:talks_to(), { other.id })
  own:hangup()
  T.equal(other:state(), nil)
end

function test_a_busy_party_is_heard()
  T.message(alice, { call = "PJSIP/201" })
  local own = T.dialled()[1]
  own:answer()
  T.dialled()[1]:refuse("busy")
  T.equal(own:heard(), { "tone:ring", "tone:busy" })
end

function test_without_a_phone_of_ones_own_nothing_rings()
  T.equal(T.message(T.conn(), { call = "PJSIP/201" }), { error = "your token names no endpoint" })
  T.equal(T.dialled(), {})
end
