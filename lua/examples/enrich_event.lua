-- Tells clients who is calling: the name that goes with the caller's number becomes a field of the event.

local NAMES = { ["200"] = "Alice Baker", ["201"] = "Charlie Dunn" }

function on_event(event)
  if event.type == "StasisStart" then
    event.caller_name = NAMES[event.channel.caller.number] or "unknown"
  end
  return event
end
