-- Tests of lua/examples/ivr.lua.

local function caller()
  return T.call { exten = "7001", caller = { name = "Alice", number = "200" } }
end

function test_the_right_pin_is_put_through()
  local call = caller()
  T.equal(call:heard(), { "sound:vm-password" })
  call:press("1234")
  local phone = T.dialled()[1]
  T.equal({ phone.endpoint, phone.caller_id, phone:state() }, { "PJSIP/200", '"Alice" <200>', "Ringing" })
  phone:answer()
  T.equal(call:talks_to(), { phone.id })
  call:hangup()
  T.equal(call:ended().by, "caller")
  T.equal(phone:state(), nil)
end

function test_a_wrong_pin_may_be_corrected()
  local call = caller()
  call:press("4321")
  T.equal(call:heard(), { "sound:vm-password", "sound:vm-invalidpassword" })
  T.advance(1000)
  call:press("1234")
  T.equal(#T.dialled(), 1)
end

function test_three_wrong_pins_end_the_call()
  local call = caller()
  for _ = 1, 3 do
    call:press("0000")
    T.advance(1000)
  end
  T.equal(call:heard()[7], "sound:vm-goodbye")
  T.equal(call:ended(), nil)
  T.advance(1000)
  T.equal(call:ended(), { outcome = "hung up", where = "ivr.lua:24", by = "script" })
  T.equal(T.dialled(), {})
end

function test_a_caller_who_presses_nothing_is_asked_again()
  local call = caller()
  T.advance(1000 + 8000)
  T.equal(call:heard(), { "sound:vm-password", "sound:vm-invalidpassword" })
end

function test_nobody_answers()
  local call = caller()
  call:press("1234")
  T.advance(20000)
  T.equal(call:heard(), { "sound:vm-password", "tone:ring", "sound:vm-nobodyavail" })
  T.equal(T.dialled()[1]:state(), nil)
end

function test_other_extensions_are_left_to_others()
  local call = T.call { exten = "7002" }
  T.equal(call:heard(), {})
  T.advance(30000)
  T.equal(call:ended(), { outcome = "unhandled", result = "unhandled" })
end
