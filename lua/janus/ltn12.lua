-- The module "ltn12": sources, sinks, filters and pumps (http://lua-users.org/wiki/FiltersSourcesAndSinks).
-- A source returns chunks, and nil at the end; a sink takes them; a filter turns chunks into others.

local insert, remove, select, sub = table.insert, table.remove, select, string.sub

local BLOCK = 2048

local filter, source, sink, pump = {}, {}, {}, {}

-- A filter from a function that takes a context and a chunk and returns the new chunk and the next context.
function filter.cycle(low, context, extra)
  return function(chunk)
    local out
    out, context = low(context, chunk, extra)
    return out
  end
end

local function chain_two(first, second)
  return function(chunk)
    local held = first(chunk)
    -- An empty chunk says that there is nothing yet.
    if chunk ~= nil then return held == "" and "" or second(held) end
    -- At the end: what the first still holds goes through the second, which is then told of the end itself, once.
    local out = held ~= nil and held ~= "" and second(held) or nil
    local rest = second(nil)
    if out and rest then return out .. rest end
    return out or rest
  end
end

function filter.chain(...)
  local chained = (...)
  for k = 2, select("#", ...) do chained = chain_two(chained, (select(k, ...))) end
  return chained
end

function source.empty()
  return function() return nil end
end

function source.error(message)
  return function() return nil, message end
end

function source.string(text)
  if not text then return source.empty() end
  local at = 1
  return function()
    local chunk = sub(text, at, at + BLOCK - 1)
    at = at + BLOCK
    if chunk ~= "" then return chunk end
    return nil
  end
end

function source.table(list)
  local k = 0
  return function()
    k = k + 1
    return list[k]
  end
end

-- A source that may be replaced by the one it returns.
function source.simplify(first)
  local current = first
  return function()
    local chunk, other = current()
    current = other or current
    if not chunk then return nil, other end
    return chunk
  end
end

function source.rewind(first)
  local back = {}
  return function(chunk)
    if chunk then
      insert(back, chunk)
      return nil
    end
    return remove(back) or first()
  end
end

function source.chain(first, ...)
  local through = filter.chain(...)
  local ended = false
  return function()
    while not ended do
      local chunk, message = first()
      if message then return nil, message end
      ended = chunk == nil
      local out = through(chunk)
      if out and out ~= "" then return out end
    end
    return nil
  end
end

function source.cat(...)
  local sources = { ... }
  return function()
    while sources[1] do
      local chunk, message = sources[1]()
      if chunk or message then return chunk, message end
      remove(sources, 1)
    end
    return nil
  end
end

function sink.table(list)
  list = list or {}
  return function(chunk)
    if chunk then list[#list + 1] = chunk end
    return 1
  end, list
end

function sink.null()
  return function() return 1 end
end

function sink.error(message)
  return function() return nil, message end
end

-- A sink that may be replaced by the one it returns.
function sink.simplify(first)
  local current = first
  return function(chunk, problem)
    local ok, other = current(chunk, problem)
    if not ok then return nil, other end
    current = other or current
    return 1
  end
end

function sink.chain(...)
  local count = select("#", ...)
  local last = select(count, ...)
  local filters = { ... }
  filters[count] = nil
  local through = filter.chain(table.unpack(filters))
  return function(chunk, problem)
    local out = through(chunk)
    if out and out ~= "" then
      local ok, message = last(out, problem)
      if not ok then return nil, message end
    end
    if chunk == nil then return last(nil, problem) end
    return 1
  end
end

local NO_FILES = "there are no files here: scripts have no io"

function source.file(_, message)
  return source.error(message or NO_FILES)
end

function sink.file(_, message)
  return sink.error(message or NO_FILES)
end

-- Moves one chunk; nil when the source is at its end or either side failed.
function pump.step(from, to)
  local chunk, problem = from()
  local ok, refused = to(chunk, problem)
  if chunk and ok then return 1 end
  return nil, problem or refused
end

function pump.all(from, to, step)
  step = step or pump.step
  while true do
    local ok, problem = step(from, to)
    if not ok then
      if problem then return nil, problem end
      return 1
    end
  end
end

return { filter = filter, source = source, sink = sink, pump = pump, BLOCKSIZE = BLOCK, _VERSION = "LTN12 1.0.3" }
