-- Patterns that cannot hold up the gateway. Lua's own matcher may backtrack for ever without a look at the clock. It
-- is used where that is impossible, because text and pattern are small; for all else there is this one, in Lua and so
-- under the budget. The rules are those of the Lua 5.4 manual, section 6.4.1.

local host = ...

local type, error, tostring, setmetatable, select = type, error, tostring, setmetatable, select
local byte, char, sub, raw_find, raw_gsub = string.byte, string.char, string.sub, string.find, string.gsub
local raw_match, raw_gmatch = string.match, string.gmatch
local concat, unpack = table.concat, table.unpack

local MAX_STEPS = 1e6 -- of Lua's own matcher, a few milliseconds
local MAX_CAPTURES = 32
local MAX_CACHED = 200

local OPEN, POSITION = -1, -2 -- instead of a capture's length

local match -- (state, index into the text, index into the items): the index after the match, or nil

-- The set of bytes that a single-character class matches, asked of Lua's own matcher byte by byte.
local function set_of(class)
  return setmetatable({}, {
    __index = function(set, code)
      local member = raw_find(char(code), "^" .. class) ~= nil
      set[code] = member
      return member
    end,
  })
end

local function longest(text, set, i)
  local code = byte(text, i)
  while code and set[code] do
    i = i + 1
    code = byte(text, i)
  end
  return i
end

local function greedy(state, item, i, k)
  for last = longest(state.text, item.set, i), i + item.least, -1 do
    local found = match(state, last, k + 1)
    if found then return found end
  end
  return nil
end

local function lazy(state, item, i, k)
  while true do
    local found = match(state, i, k + 1)
    if found then return found end
    local code = byte(state.text, i)
    if not (code and item.set[code]) then return nil end
    i = i + 1
  end
end

local function optional(state, item, i, k)
  local code = byte(state.text, i)
  return code and item.set[code] and match(state, i + 1, k + 1) or match(state, i, k + 1)
end

local function opening(state, item, i, k)
  local level = state.level + 1
  if level > MAX_CAPTURES then error("too many captures", 0) end
  state.level, state.starts[level], state.lengths[level] = level, i, item.mark
  local found = match(state, i, k + 1)
  if not found then state.level = level - 1 end
  return found
end

local function closing(state, _, i, k)
  local level = state.level
  while level > 0 and state.lengths[level] ~= OPEN do level = level - 1 end
  if level == 0 then error("invalid pattern capture", 0) end
  state.lengths[level] = i - state.starts[level]
  local found = match(state, i, k + 1)
  if not found then state.lengths[level] = OPEN end
  return found
end

local function again(state, item, i, k)
  local start, length = state.starts[item.level], state.lengths[item.level]
  if item.level < 1 or item.level > state.level or length == OPEN then
    error("invalid capture index %" .. item.level, 0)
  end
  if length == POSITION then return nil end -- a position is no text that could come again
  local captured = sub(state.text, start, start + length - 1)
  return sub(state.text, i, i + length - 1) == captured and match(state, i + length, k + 1) or nil
end

local function balanced(state, item, i, k)
  local text, depth = state.text, 1
  if byte(text, i) ~= item.opens then return nil end
  repeat
    i = i + 1
    local code = byte(text, i)
    if code == item.closes then
      depth = depth - 1
    elseif code == item.opens then
      depth = depth + 1
    end
  until depth == 0 or not code
  return depth == 0 and match(state, i + 1, k + 1) or nil
end

local function frontier(state, item, i, k)
  local before, after = i > 1 and byte(state.text, i - 1) or 0, byte(state.text, i) or 0
  return not item.set[before] and item.set[after] and match(state, i, k + 1) or nil
end

local function ending(state, _, i, _)
  return i == #state.text + 1 and i or nil
end

function match(state, i, k)
  local item = state.items[k]
  while item do
    if item.run then return item.run(state, item, i, k) end
    local code = byte(state.text, i)
    if not (code and item.set[code]) then return nil end
    i, k = i + 1, k + 1
    item = state.items[k]
  end
  return i
end

local QUANTIFIERS = {
  ["*"] = { run = greedy, least = 0 },
  ["+"] = { run = greedy, least = 1 },
  ["-"] = { run = lazy },
  ["?"] = { run = optional },
}

-- The end of the single-character class that begins at i.
local function class_end(pattern, i)
  local first = sub(pattern, i, i)
  if first == "%" then
    if i == #pattern then error("malformed pattern (ends with '%')", 0) end
    return i + 1
  end
  if first ~= "[" then return i end
  i = i + 1
  if sub(pattern, i, i) == "^" then i = i + 1 end
  repeat
    if i > #pattern then error("malformed pattern (missing ']')", 0) end
    i = sub(pattern, i, i) == "%" and i + 2 or i + 1
  until sub(pattern, i, i) == "]"
  return i
end

local function class(pattern, i)
  local last = class_end(pattern, i)
  local text = sub(pattern, i, last)
  local quantifier = QUANTIFIERS[sub(pattern, last + 1, last + 1)]
  -- Alone, some characters would mean something else.
  local set = set_of(#text == 1 and raw_find(text, "[^%w.]") and "%" .. text or text)
  if not quantifier then return { set = set }, last + 1 end
  return { set = set, run = quantifier.run, least = quantifier.least }, last + 2
end

local function escaped(pattern, i)
  local kind = sub(pattern, i + 1, i + 1)
  if kind == "b" then
    local opens, closes = byte(pattern, i + 2, i + 3)
    if not closes then error("malformed pattern (missing arguments to '%b')", 0) end
    return { run = balanced, opens = opens, closes = closes }, i + 4
  elseif kind == "f" then
    if sub(pattern, i + 2, i + 2) ~= "[" then error("missing '[' after '%f' in pattern", 0) end
    local last = class_end(pattern, i + 2)
    return { run = frontier, set = set_of(sub(pattern, i + 2, last)) }, last + 1
  elseif raw_find(kind, "^%d") then
    return { run = again, level = tonumber(kind) }, i + 2
  end
  return class(pattern, i)
end

local function item_at(pattern, i)
  local first = sub(pattern, i, i)
  if first == "(" then
    if sub(pattern, i + 1, i + 1) == ")" then return { run = opening, mark = POSITION }, i + 2 end
    return { run = opening, mark = OPEN }, i + 1
  elseif first == ")" then
    return { run = closing }, i + 1
  elseif first == "$" and i == #pattern then
    return { run = ending }, i + 1
  elseif first == "%" then
    return escaped(pattern, i)
  end
  return class(pattern, i)
end

-- Keeps what was worked out for a pattern; forgets all of it when there is too much.
local function cached(cache, pattern, value)
  cache.n = (cache.n or 0) + 1
  if cache.n > MAX_CACHED then
    for key in next, cache do cache[key] = nil end
    cache.n = 1
  end
  cache[pattern] = value
  return value
end

local by_pattern, quantifiers_in = {}, {}

local function items_of(pattern)
  local known = by_pattern[pattern]
  if type(known) == "table" then return known end
  local items, i = {}, 1
  while i <= #pattern do items[#items + 1], i = item_at(pattern, i) end
  return cached(by_pattern, pattern, items)
end

-- Whether Lua's own matcher needs few steps whatever the text: at most one loop over the text for each quantifier.
local function is_cheap(text, pattern)
  if type(text) ~= "string" or type(pattern) ~= "string" then return true end -- numbers are short, the rest an error
  local loops = quantifiers_in[pattern]
  if type(loops) ~= "number" then
    loops = cached(quantifiers_in, pattern, select(2, raw_gsub(pattern, "[*+?b-]", "")) + 1)
  end
  return (#text + 1) ^ loops * #pattern < MAX_STEPS
end

local function capture(state, n)
  local start, length = state.starts[n], state.lengths[n]
  if length == POSITION then return start end
  if length == OPEN then error("unfinished capture", 0) end
  return sub(state.text, start, start + length - 1)
end

-- What was captured, or the whole match where nothing was.
local function captures(state, first, after)
  if state.level == 0 then return sub(state.text, first, after - 1) end
  local found = {}
  for n = 1, state.level do found[n] = capture(state, n) end
  return unpack(found, 1, state.level)
end

local function new_state(text, pattern)
  return { text = text, items = items_of(pattern), level = 0, starts = {}, lengths = {} }
end

-- The first match at or after `i`: where it begins, and the index after it.
local function search(state, i, anchored)
  repeat
    state.level = 0
    local after = match(state, i, 1)
    if after then return i, after end
    i = i + 1
  until anchored or i > #state.text + 1
  return nil
end

local function without_anchor(pattern)
  if byte(pattern) == 94 then return sub(pattern, 2), true end
  return pattern, false
end

local function start_index(text, init)
  init = init or 1
  if init < 0 then init = #text + init + 1 end
  return init < 1 and 1 or init
end

local function first_match(text, pattern, init)
  local rest, anchored = without_anchor(pattern)
  local state, i = new_state(text, rest), start_index(text, init)
  if i > #text + 1 then return nil end
  local first, after = search(state, i, anchored)
  return first and state, first, after
end

local patterns = {}
host.patterns = patterns

-- Without one of these find looks for the text as it is, so that even a lone ")" is no mistake (Lua 5.4 manual, 6.4.1).
local SPECIALS = "[%^%$%*%+%?%.%(%[%%%-]"

function patterns.find(text, pattern, init, plain)
  plain = plain or not raw_find(pattern, SPECIALS)
  if plain or is_cheap(text, pattern) then return raw_find(text, pattern, init, plain) end
  local state, first, after = first_match(text, pattern, init)
  if not state then return nil end
  if state.level == 0 then return first, after - 1 end
  return first, after - 1, captures(state, first, after)
end

function patterns.match(text, pattern, init)
  if is_cheap(text, pattern) then return raw_match(text, pattern, init) end
  local state, first, after = first_match(text, pattern, init)
  if not state then return nil end
  return captures(state, first, after)
end

function patterns.gmatch(text, pattern, init)
  if is_cheap(text, pattern) then return raw_gmatch(text, pattern, init) end
  local state, i, last = new_state(text, pattern), start_index(text, init), nil
  return function()
    while i <= #text + 1 do
      local first, after = search(state, i, true)
      if first and after ~= last then
        i, last = after, after
        return captures(state, first, after)
      end
      i = i + 1
    end
    return nil
  end
end

local function filled(state, template, first, after)
  return (raw_gsub(template, "%%(.?)", function(which)
    if which == "%" then return "%" end
    if which == "0" then return sub(state.text, first, after - 1) end
    local n = raw_find(which, "^%d") and tonumber(which)
    if not n then error("invalid use of '%' in replacement string", 0) end
    if n == 1 and state.level == 0 then return sub(state.text, first, after - 1) end
    if n > state.level then error("invalid capture index %" .. n .. " in replacement string", 0) end
    return tostring(capture(state, n))
  end))
end

local function replacement(state, by, first, after)
  local kind, value = type(by), nil
  if kind == "function" then
    value = by(captures(state, first, after))
  elseif kind == "table" then
    value = by[(captures(state, first, after))]
  else
    return filled(state, by, first, after)
  end
  if not value then return sub(state.text, first, after - 1) end
  kind = type(value)
  if kind ~= "string" and kind ~= "number" then error("invalid replacement value (a " .. kind .. ")", 0) end
  return value
end

local function substitute(text, pattern, by, most)
  local rest, anchored = without_anchor(pattern)
  local state, out, i, n, last = new_state(text, rest), {}, 1, 0, nil
  while n < most do
    local first, after = search(state, i, true)
    if first and after ~= last then
      n = n + 1
      out[#out + 1] = replacement(state, by, first, after)
      i, last = after, after
    elseif i <= #text then
      out[#out + 1] = sub(text, i, i)
      i = i + 1
    else
      break
    end
    if anchored then break end
  end
  out[#out + 1] = sub(text, i)
  return concat(out), n
end

local REPLACES = { string = true, number = true, table = true, ["function"] = true }

function patterns.gsub(text, pattern, by, most)
  if is_cheap(text, pattern) or not REPLACES[type(by)] then return raw_gsub(text, pattern, by, most) end
  return substitute(text, pattern, by, most or #text + 1)
end
