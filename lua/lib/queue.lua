-- A call queue: callers wait in line, and members answer. Use it in call flows:
--
--   local queue = require "queue"
--   local sales = queue.new("sales", { strategy = "round-robin", ring = 20 })
--   sales:add("PJSIP/200")
--   sales:add("PJSIP/201")
--   function on_call(call)
--     if sales:enter(call) ~= "answered" then call:play("sound:vm-goodbye") end
--   end
--
-- Every change is published as an event of type "Queue", for dashboards.

local bridge = require "bridge"

local queue = {}

local QUEUE = { __name = "queue" }
QUEUE.__index = QUEUE

local DEFAULTS = {
  strategy = "ring-all", -- or "least-recent", "round-robin"
  ring = 20, -- seconds that members ring before others get their turn
  retry = 2, -- seconds between two rounds
  timeout = 600, -- seconds after which a caller is sent away
  most = 100, -- callers who wait at once
  moh = "default",
  announce = 30, -- seconds between two announcements of the position; false: none
  position = { "sound:queue-thereare", "number:%d", "sound:queue-callswaiting" },
}

-- queue.new(name, options): a queue without members; options as above.
function queue.new(name, options)
  if type(name) ~= "string" then error("queue.new takes a name", 2) end
  local self = { name = name, members = {}, waiting = {}, turn = 0, answers = 0 }
  self.stats = { entered = 0, answered = 0, abandoned = 0, timeout = 0, full = 0, wait_seconds = 0 }
  for option, value in pairs(options or {}) do
    if DEFAULTS[option] == nil then error("queue.new: there is no option " .. option, 2) end
  end
  for option, default in pairs(DEFAULTS) do
    local value = options and options[option]
    if value == nil then value = default end
    self[option] = value
  end
  if not queue.strategies[self.strategy] then
    error("queue.new: there is no strategy " .. tostring(self.strategy), 2)
  end
  return setmetatable(self, QUEUE)
end

-- Members ----------------------------------------------------------------------------------------------------------

local function position_of(list, wanted)
  for k, item in ipairs(list) do
    if item == wanted then return k end
  end
  return nil
end

function QUEUE:member(endpoint)
  for _, member in ipairs(self.members) do
    if member.endpoint == endpoint then return member end
  end
  return nil
end

function QUEUE:add(endpoint)
  if self:member(endpoint) then return end
  self.members[#self.members + 1] = { endpoint = endpoint, last = 0, calls = 0 }
  self:tell("member_added", { endpoint = endpoint })
  self:wake()
end

function QUEUE:remove(endpoint)
  local member = self:member(endpoint)
  if not member then return end
  table.remove(self.members, position_of(self.members, member))
  self:tell("member_removed", { endpoint = endpoint })
end

-- A member who pauses is not rung.
function QUEUE:pause(endpoint, paused)
  local member = self:member(endpoint)
  if not member then return end
  member.paused = paused ~= false
  self:tell(member.paused and "member_paused" or "member_back", { endpoint = endpoint })
  if not member.paused then self:wake() end
end

-- Whether what entered the queue has ended: where it took too much CPU time, nothing of it runs that would leave.
local function is_over(entry) return coroutine.status(entry.entered_by) == "dead" end

local function free(self)
  local list = {}
  for _, member in ipairs(self.members) do
    if member.busy and is_over(member.entry) then member.busy = nil end
    if not member.paused and not member.busy then list[#list + 1] = member end
  end
  return list
end

-- Which of the free members ring, by strategy: fn(queue, free).
queue.strategies = {
  ["ring-all"] = function(_, list) return list end,
  ["least-recent"] = function(_, list)
    table.sort(list, function(a, b) return a.last < b.last end)
    return { list[1] }
  end,
  ["round-robin"] = function(self, list)
    for _ = 1, #self.members do
      self.turn = self.turn % #self.members + 1
      local member = self.members[self.turn]
      if position_of(list, member) then return { member } end
    end
    return {}
  end,
}

-- Events -----------------------------------------------------------------------------------------------------------

-- From the first call on: while scripts are loaded, there is nobody to tell.
function QUEUE:tell(what, fields)
  if not self.target then return end
  local stats = {}
  for name, value in pairs(self.stats) do stats[name] = value end
  local event = { type = "Queue", queue = self.name, event = what, waiting = #self.waiting, stats = stats }
  for name, value in pairs(fields or {}) do event[name] = value end
  bridge.publish(event, self.target)
end

-- Who is next in line: members already ring for those before.
local function next_in_line(self)
  for _, entry in ipairs(self.waiting) do
    if not entry.ringing then return entry end
  end
  return nil
end

-- The caller whose turn it is looks again whether somebody is free.
function QUEUE:wake()
  local entry = next_in_line(self)
  if entry then entry.call:notify("turn") end
end

-- Callers ----------------------------------------------------------------------------------------------------------

local function seconds_of(entry) return os.difftime(os.time(), entry.since) end

local function leave(self, entry, how)
  local k = position_of(self.waiting, entry)
  if k then table.remove(self.waiting, k) end
  if entry.how then return end
  entry.how = how
  self.stats[how] = self.stats[how] + 1
  if how == "answered" then self.stats.wait_seconds = self.stats.wait_seconds + seconds_of(entry) end
  self:tell(how, { channel = entry.call.id, endpoint = entry.endpoint, seconds = seconds_of(entry) })
  self:wake()
end

local function first_over(self)
  for _, entry in ipairs(self.waiting) do
    if is_over(entry) then return entry end
  end
  return nil
end

local function drop_those_over(self)
  local entry = first_over(self)
  while entry do
    leave(self, entry, "abandoned")
    entry = first_over(self)
  end
end

local function announce(self, entry)
  if not self.announce or seconds_of(entry) - entry.announced < self.announce then return end
  entry.announced = seconds_of(entry)
  local place = position_of(self.waiting, entry)
  entry.call:moh(false)
  if place == 1 then
    entry.call:play("sound:queue-youarenext")
  else
    local media = {}
    for k, uri in ipairs(self.position) do media[k] = uri:gsub("%%d", tostring(place)) end
    entry.call:play(media)
  end
  entry.call:moh(self.moh)
end

-- Rings the members whose turn it is; true when the call was answered, and is over.
local function ring(self, entry)
  local chosen = queue.strategies[self.strategy](self, free(self))
  if #chosen == 0 then return false end
  entry.ringing = true
  local held, by_endpoint, endpoints = chosen, {}, {}
  for k, member in ipairs(chosen) do
    member.busy, member.entry = true, entry
    by_endpoint[member.endpoint], endpoints[k] = member, member.endpoint
  end
  local function answered(leg)
    local winner = by_endpoint[leg.endpoint]
    for _, member in ipairs(chosen) do member.busy = member == winner end
    held = { winner } -- others ring for the next caller from here on
    self.answers = self.answers + 1
    winner.calls, winner.last = winner.calls + 1, self.answers
    entry.call:moh(false)
  end
  -- Not before: one of the two may hang up in between.
  local function connected(leg)
    entry.endpoint = leg.endpoint
    leave(self, entry, "answered")
  end
  local ok, result = pcall(entry.call.dial, entry.call, {
    endpoints = endpoints, timeout = self.ring, ringing = false, answered = answered, connected = connected,
  })
  for _, member in ipairs(held) do member.busy = nil end
  self:wake()
  entry.ringing, entry.not_before = false, os.time() + self.retry
  if not ok then error(result, 0) end
  if entry.how then return true end
  if result == "answered" then entry.call:moh(self.moh) end
  return false
end

local function wait_in_line(self, entry)
  while seconds_of(entry) < self.timeout do
    drop_those_over(self)
    local may_ring = next_in_line(self) == entry and os.time() >= entry.not_before
    if may_ring and ring(self, entry) then return "answered" end
    announce(self, entry)
    entry.call:wait(self.retry)
  end
  leave(self, entry, "timeout")
  entry.call:moh(false)
  return "timeout"
end

-- Puts a call into the queue. Returns "answered" after a member has talked to the caller, "timeout", or "full". A
-- caller who hangs up before that counts as abandoned; the error that every verb raises then goes on.
function QUEUE:enter(call)
  self.target = call.target
  drop_those_over(self)
  if #self.waiting >= self.most then
    self.stats.full = self.stats.full + 1
    self:tell("full", { channel = call.id })
    return "full"
  end
  local entry = { call = call, since = os.time(), announced = 0, not_before = 0, entered_by = coroutine.running() }
  self.waiting[#self.waiting + 1] = entry
  self.stats.entered = self.stats.entered + 1
  self:tell("entered", { channel = call.id, caller = call.caller.number })
  local ok, result = pcall(function()
    call:answer()
    call:moh(self.moh)
    return wait_in_line(self, entry)
  end)
  if ok then return result end
  leave(self, entry, "abandoned")
  error(result, 0)
end

return queue
