-- The module "mime" as far as scripts use it with HTTP: Base64 and quoted-printable, whole or as LTN12 filters.

local host = ...

local byte, char, sub, gsub, gmatch = string.byte, string.char, string.sub, string.gsub, string.gmatch
local find, format, match, concat, check = string.find, string.format, string.match, table.concat, host.check_budget

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local LETTER, VALUE = {}, {}
for k = 0, 63 do
  LETTER[k] = sub(LETTERS, k + 1, k + 1)
  VALUE[byte(LETTERS, k + 1)] = k
end

-- RFC 4648 section 4, for any length.
local function to_base64(data)
  local out = {}
  for at = 1, #data, 3 do
    local a, b, c = byte(data, at, at + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = LETTER[bits >> 18] .. LETTER[bits >> 12 & 63]
      .. (b and LETTER[bits >> 6 & 63] or "=") .. (c and LETTER[bits & 63] or "=")
  end
  return concat(out)
end

-- Four letters make three bytes; what is no letter is skipped.
local function from_base64(text)
  local out, bits, count = {}, 0, 0
  local function finish() -- a group that is not full: at a "=" or at the end
    if count == 3 then out[#out + 1] = char(bits >> 10, bits >> 2 & 255) end
    if count == 2 then out[#out + 1] = char(bits >> 4) end
    bits, count = 0, 0
  end
  for at = 1, #text do
    local letter = byte(text, at)
    local value = VALUE[letter]
    if letter == 61 then finish() end
    if value then
      bits, count = bits << 6 | value, count + 1
      if count == 4 then
        out[#out + 1] = char(bits >> 16, bits >> 8 & 255, bits & 255)
        bits, count = 0, 0
      end
    end
  end
  finish()
  return concat(out)
end

-- b64(first, second): what can be encoded of first .. second in whole groups, and the rest; the rest too when second is
-- nil, which is the end.
local function in_groups(whole, size, convert)
  return function(first, second)
    if first == nil then return nil, nil end
    local data = first .. (second or "")
    if second == nil then
      local out = convert(data)
      return out ~= "" and out or nil, nil
    end
    local usable = whole(data, size)
    return convert(sub(data, 1, usable)), sub(data, usable + 1)
  end
end

local function groups(data, size)
  return #data - #data % size
end

-- Letters may have line breaks between them: up to the last one that ends a group.
local function letter_groups(text, size)
  local count, usable = 0, 0
  for at = 1, #text do
    if VALUE[byte(text, at)] or byte(text, at) == 61 then
      count = count + 1
      if count % size == 0 then usable = at end
    end
  end
  return usable
end

local mime = {
  b64 = in_groups(groups, 3, to_base64),
  unb64 = in_groups(letter_groups, 4, from_base64),
  encodet = {},
  decodet = {},
  _VERSION = "MIME 1.0.3",
}

local function escaped(letter) return format("=%02X", byte(letter)) end

-- Quoted-printable (RFC 2045 section 6.7): marker stands for the end of a line, CRLF; what is blank before it may get
-- lost on the way. Returns what can be told by now, and the rest.
local function quoted(data, is_all, marker)
  check()
  local rest = is_all and "" or match(data, "[ \t]?\r?$")
  data = sub(data, 1, #data - #rest)
  local parts, at = {}, 1
  while true do
    local first, last = find(data, "\r\n", at, true)
    local line = gsub(sub(data, at, (first or #data + 1) - 1), "[^ !-<>-~\t]", escaped)
    if first or is_all then line = gsub(line, "[ \t]$", escaped) end
    parts[#parts + 1] = line
    if not first then return concat(parts), rest end
    parts[#parts + 1], at = marker or "\r\n", last + 1
  end
end

local function unquoted(data, is_all)
  check()
  local rest = is_all and "" or match(data, "=%x?$") or match(data, "=[ \t]*\r?$") or ""
  data = gsub(sub(data, 1, #data - #rest), "=[ \t]*\r?\n", "")
  return gsub(data, "=(%x%x)", function(digits) return char(tonumber(digits, 16)) end), rest
end

-- qp(first, second): what can be told of first .. second, and the rest; all of it when second is nil, which is the end.
local function in_pieces(convert)
  return function(first, second, marker)
    if first == nil then return nil, nil end
    local out, rest = convert(first .. (second or ""), second == nil, marker)
    if second == nil then return out ~= "" and out or nil, nil end
    return out, rest
  end
end
mime.qp, mime.unqp = in_pieces(quoted), in_pieces(unquoted)

-- A filter from b64, unb64, qp or unqp.
local function stream(convert, marker)
  local rest = ""
  return function(chunk)
    local out
    out, rest = convert(rest, chunk, marker)
    rest = rest or ""
    return out
  end
end

mime.encodet["base64"] = function() return stream(mime.b64) end
mime.decodet["base64"] = function() return stream(mime.unb64) end
-- The mode "binary" writes line breaks as any other bytes.
mime.encodet["quoted-printable"] = function(mode) return stream(mime.qp, mode == "binary" and "=0D=0A" or "\r\n") end
mime.decodet["quoted-printable"] = function() return stream(mime.unqp) end

local function chosen(filters, default)
  return function(name, ...)
    if type(name) == "number" then return filters[default](name) end
    local make = filters[name or default]
    if not make then error("unknown key (" .. tostring(name) .. ")", 0) end
    return make(...)
  end
end
mime.encode, mime.decode = chosen(mime.encodet, "base64"), chosen(mime.decodet, "base64")

local function wrap_text(length)
  length = length or 76
  local left = length
  return function(chunk)
    local out = {}
    local function break_line()
      out[#out + 1], left = "\r\n", length
    end
    if chunk == nil then
      if left < length then break_line() end
      return out[1]
    end
    for line, ended in gmatch((gsub(chunk, "\r", "")), "([^\n]*)(\n?)") do
      local at = 1
      while at <= #line do
        if left == 0 then break_line() end
        local part = sub(line, at, at + left - 1)
        at, left = at + #part, left - #part
        out[#out + 1] = part
      end
      if ended ~= "" then break_line() end
    end
    return concat(out)
  end
end

-- Breaks that decoding takes away again, and none within "=XX".
local function wrap_quoted(length)
  length = length or 76
  local left = length
  return function(chunk)
    if chunk == nil then
      local open = left < length
      left = length
      return open and "=\r\n" or nil
    end
    local out = {}
    for letter in gmatch(chunk, "[^\r]") do
      if letter == "\n" then
        letter, left = "\r\n", length
      else
        if left <= (letter == "=" and 3 or 1) then out[#out + 1], left = "=\r\n", length end
        left = left - 1
      end
      out[#out + 1] = letter
    end
    return concat(out)
  end
end

-- wrap(name, length): a filter that breaks lines after that many characters (76); all that it gives end with CRLF.
mime.wrapt = { text = wrap_text, base64 = wrap_text, default = wrap_text, ["quoted-printable"] = wrap_quoted }
mime.wrap = chosen(mime.wrapt, "default")

-- A filter for SMTP: a dot that begins a line is doubled.
function mime.stuff()
  local before = "\r\n"
  return function(chunk)
    if not chunk then return nil end
    check()
    local joined = before .. chunk
    local stuffed = gsub(joined, "\r\n%.", "\r\n..")
    local out = sub(stuffed, #before + 1)
    before = sub(joined, -2)
    return out
  end
end

-- A filter that makes every line end with `marker` (CRLF unless told).
function mime.normalize(marker)
  marker = marker or "\r\n"
  local held = ""
  return function(chunk)
    if chunk == nil then
      local rest = held
      held = ""
      return rest ~= "" and marker or nil
    end
    chunk = held .. chunk
    held = find(chunk, "\r$") and "\r" or ""
    chunk = gsub(sub(chunk, 1, #chunk - #held), "\r\n", "\n")
    return (gsub(gsub(chunk, "\r", "\n"), "\n", (gsub(marker, "%%", "%%%%"))))
  end
end

return mime
