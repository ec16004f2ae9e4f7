-- Tests of lua/examples/sales_queue.lua.

local function caller(number)
  return T.call { exten = "7100", caller = { number = number } }
end

local function endpoints(phones)
  local list = {}
  for k, phone in ipairs(phones) do list[k] = phone.endpoint end
  return list
end

local function last_event()
  local events = T.published()
  return events[#events]
end

function test_phones_ring_in_turn_until_one_answers()
  local call = caller("300")
  local first = T.dialled()[1]
  T.equal(first.endpoint, "PJSIP/200")
  T.advance(23000) -- 20 s of ringing, and the pause after it
  local second = T.dialled()[1]
  T.equal({ second.endpoint, first:state() }, { "PJSIP/201", nil })
  second:answer()
  T.equal(call:talks_to(), { second.id })
  T.equal(last_event().event, "answered")
  second:hangup()
  T.equal(call:ended().outcome, "hung up")
end

function test_a_phone_that_is_busy_lets_the_next_one_ring()
  caller("300")
  T.dialled()[1]:refuse("busy")
  T.advance(4000)
  T.equal(endpoints(T.dialled()), { "PJSIP/201" })
end

function test_callers_keep_their_order_and_are_told_it()
  local calls = { caller("300"), caller("301"), caller("302"), caller("303") }
  T.advance(4000)
  T.equal(endpoints(T.dialled()), { "PJSIP/200", "PJSIP/201", "PJSIP/202" })
  T.advance(60000)
  local heard = {}
  for _, media in ipairs(calls[4]:heard()) do heard[media] = true end
  assert(heard["number:4"], "the fourth hears the place")
end

function test_who_hangs_up_is_counted_as_abandoned()
  caller("300"):hangup()
  local event = last_event()
  T.equal({ event.event, event.stats.abandoned, event.waiting }, { "abandoned", 1, 0 })
end

function test_nobody_waits_for_ever()
  for _, phone in ipairs { "PJSIP/200", "PJSIP/201", "PJSIP/202" } do T.message(T.conn(), { pause = phone }) end
  local call = caller("300")
  T.advance(320000)
  T.equal(call:ended().outcome, "hung up")
  T.equal(T.dialled(), {})
  T.equal(last_event().event, "timeout")
end
