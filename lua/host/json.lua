-- JSON for the modules "json" and "cjson": one reader and one writer, with the few points in which the two differ.

local host = ...

local type, error, next, rawget, rawlen, tonumber, tostring = type, error, next, rawget, rawlen, tonumber, tostring
local find, sub, byte, gsub = string.find, string.sub, string.byte, string.gsub
local format, concat, utf8_char, math_type = string.format, table.concat, utf8.char, math.type
local huge, check = math.huge, host.check_budget

local MAX_DEPTH = 200
local LARGE = 10000

local UNESCAPED =
  { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local ESCAPED = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}
local WORDS = { ["true"] = true, ["false"] = false }

local function fail(what, at)
  error("not JSON: " .. what .. " at character " .. at, 0)
end

local function skip(text, at)
  local _, last = find(text, "^[ \t\r\n]+", at)
  return last and last + 1 or at
end

-- \uXXXX at text[at], a pair of them where the first is half of a surrogate pair; half of one alone has no character.
local function read_code(text, at)
  local first = find(text, "^%x%x%x%x", at) and tonumber(sub(text, at, at + 3), 16)
  if not first then fail("\\u without four digits", at) end
  if first < 0xD800 or first > 0xDFFF then return utf8_char(first), at + 4 end
  local low = find(text, "^\\u[dD][c-fC-F]%x%x", at + 4) and tonumber(sub(text, at + 6, at + 9), 16)
  if first > 0xDBFF or not low then return utf8_char(0xFFFD), at + 4 end
  return utf8_char(0x10000 + (first - 0xD800) * 0x400 + low - 0xDC00), at + 10
end

-- The string whose opening quote is at text[at - 1], and the index after it.
local function read_string(text, at)
  local parts, n = {}, 0
  while true do
    local stop = find(text, '["\\%c]', at)
    if not stop then fail("a string without its end", at) end
    n = n + 1
    parts[n] = sub(text, at, stop - 1)
    local what = byte(text, stop)
    if what == 34 then return n == 1 and parts[1] or concat(parts), stop + 1 end
    if what ~= 92 and what ~= 127 then fail("a control character in a string", stop) end
    n = n + 1
    local letter = sub(text, stop + 1, stop + 1)
    if what == 127 then
      parts[n], at = "\127", stop + 1
    elseif letter == "u" then
      parts[n], at = read_code(text, stop + 2)
    else
      parts[n], at = UNESCAPED[letter] or fail("an unknown escape", stop), stop + 2
    end
  end
end

local function read_number(text, at, kind)
  local _, last = find(text, "^-?%d+", at)
  if not last then fail("an unknown value", at) end
  if find(text, "^-?0%d", at) then fail("a number that begins with 0", at) end
  local _, fraction = find(text, "^%.%d+", last + 1)
  last = fraction or last
  local _, exponent = find(text, "^[eE][+-]?%d+", last + 1)
  local number = tonumber(sub(text, at, exponent or last))
  if not number then fail("an unknown number", at) end
  if kind.finite and (number == huge or number == -huge) then fail("too large a number", at) end
  return kind.floats and number + 0.0 or number, (exponent or last) + 1
end

local read

local function read_array(text, at, kind, depth)
  local list, n = kind.array {}, 0
  at = skip(text, at)
  if byte(text, at) == 93 then return list, at + 1 end
  while true do
    n = n + 1
    list[n], at = read(text, at, kind, depth)
    at = skip(text, at)
    local mark = byte(text, at)
    if mark == 93 then
      if kind.ended then kind.ended(list, n) end
      return list, at + 1
    end
    if mark ~= 44 then fail("an array without its end", at) end
    at = at + 1
  end
end

local function read_object(text, at, kind, depth)
  local object, key = {}, nil
  at = skip(text, at)
  if byte(text, at) == 125 then return object, at + 1 end
  while true do
    at = skip(text, at)
    if byte(text, at) ~= 34 then fail("no key", at) end
    key, at = read_string(text, at + 1)
    at = skip(text, at)
    if byte(text, at) ~= 58 then fail("no colon", at) end
    object[key], at = read(text, at + 1, kind, depth)
    at = skip(text, at)
    local mark = byte(text, at)
    if mark == 125 then return object, at + 1 end
    if mark ~= 44 then fail("an object without its end", at) end
    at = at + 1
  end
end

-- The value at text[at], and the index after it.
function read(text, at, kind, depth)
  at = skip(text, at)
  local mark = byte(text, at)
  if mark == 34 then return read_string(text, at + 1) end
  if (mark == 123 or mark == 91) and depth >= kind.depth then fail("more than " .. kind.depth .. " levels", at) end
  if mark == 123 then return read_object(text, at + 1, kind, depth + 1) end
  if mark == 91 then return read_array(text, at + 1, kind, depth + 1) end
  local _, last = find(text, "^%a+", at)
  if not last then return read_number(text, at, kind) end
  local word = sub(text, at, last)
  if word == "null" then return kind.null, last + 1 end
  local value = WORDS[word]
  if value == nil then fail("an unknown word", at) end
  return value, last + 1
end

local function escape(letter)
  return ESCAPED[letter] or format("\\u%04x", byte(letter))
end

local function quoted(text)
  if #text > LARGE then check() end
  return '"' .. gsub(text, '["\\%c]', escape) .. '"'
end

local function written(number, kind)
  if number ~= number or number == huge or number == -huge then
    return kind.invalid or error("JSON has no " .. tostring(number), 0)
  end
  if math_type(number) == "integer" then return format("%d", number) end
  return kind.number(number)
end

local write

local function write_array(list, length, out, n, kind, depth)
  out[n + 1] = "["
  n = n + 1
  for k = 1, length do
    if k > 1 then
      n = n + 1
      out[n] = ","
    end
    n = write(rawget(list, k), out, n, kind, depth)
  end
  out[n + 1] = "]"
  return n + 1
end

local function key_text(key, kind)
  if type(key) == "string" then return key end
  if type(key) == "number" then return written(key, kind) end
  error("JSON has no keys of type " .. type(key), 0)
end

local function write_object(object, out, n, kind, depth)
  out[n + 1] = "{"
  n = n + 1
  local first = true
  for key, value in next, object do
    out[n + 1] = first and "" or ","
    out[n + 2] = quoted(key_text(key, kind))
    out[n + 3] = ":"
    n, first = write(value, out, n + 3, kind, depth), false
  end
  out[n + 1] = "}"
  return n + 1
end

-- Appends the text of a value to out after out[n]; returns the new n.
function write(value, out, n, kind, depth)
  local what = type(value)
  if value == nil or value == kind.null then
    out[n + 1] = "null"
  elseif what == "table" then
    if depth >= kind.depth then error("more than " .. kind.depth .. " levels, or a table that contains itself", 0) end
    local length = kind.length(value)
    if length then return write_array(value, length, out, n, kind, depth + 1) end
    return write_object(value, out, n, kind, depth + 1)
  elseif what == "string" then
    out[n + 1] = quoted(value)
  elseif what == "number" then
    out[n + 1] = written(value, kind)
  elseif what == "boolean" then
    out[n + 1] = tostring(value)
  else
    error("JSON has no " .. what .. "s", 0)
  end
  return n + 1
end

-- Whether all keys are integers from 1 to `most`.
local function within(list, most)
  for key in next, list do
    if math_type(key) ~= "integer" or key < 1 or key > most then return false end
  end
  return true
end

-- The greatest key and the number of keys, if all are positive integers; else nil.
local function extent(list)
  local most, count = 0, 0
  for key in next, list do
    if math_type(key) ~= "integer" or key < 1 then return nil end
    count = count + 1
    if key > most then most = key end
  end
  return most, count
end

host.json = { within = within, extent = extent, MAX_DEPTH = MAX_DEPTH }

-- `kind`: null (what stands for it), floats (all numbers are), finite (one too large for a float is an error), array
-- (marks a table as one), ended (told of an array and how many are in it), length (of the array that a table is, nil
-- for an object), number (how a float is written), invalid (what infinite numbers become; nil: an error), depth (most
-- levels, host.json.MAX_DEPTH at most).
function host.json.decode(text, kind)
  if type(text) == "number" then text = tostring(text) end
  if type(text) ~= "string" then error("JSON is decoded from a string, not from a " .. type(text), 0) end
  local value, at = read(text, 1, kind, 0)
  at = skip(text, at)
  if at <= #text then fail("something after the value", at) end
  return value
end

function host.json.encode(value, kind)
  local out = {}
  write(value, out, 0, kind, 0)
  return concat(out)
end
