-- The time of day for scripts under test: the gateway tells it at each entry, and it stands still meanwhile.

local host = ...

local time, date = os.time, os.date
local now = 0

function host.set_time(seconds)
  now = math.floor(seconds)
end

function host.env.os.time(fields)
  if fields == nil then return now end
  return time(fields)
end

function host.env.os.date(format, at)
  return date(format, at or now)
end
