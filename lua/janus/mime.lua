-- The module "mime" as far as scripts use it with HTTP: Base64 and quoted-printable, whole or as LTN12 filters.

local host = ...

local byte, char, sub, gsub, gmatch = string.byte, string.char, string.sub, string.gsub, string.gmatch
local find, format, concat, check = string.find, string.format, table.concat, host.check_budget

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

local function quoted(text)
  check()
  local function escape(letter) return format("=%02X", byte(letter)) end
  text = gsub(text, "[^ !-<>-~\r\n\t]", escape)
  -- What is blank at the end of a line may get lost on the way (RFC 2045 section 6.7).
  text = gsub(text, "([ \t])(\r?\n)", function(blank, ended) return escape(blank) .. ended end)
  return (gsub(text, "[ \t]$", escape))
end

local function unquoted(text)
  check()
  text = gsub(text, "=[ \t]*\r?\n", "")
  return (gsub(text, "=(%x%x)", function(digits) return char(tonumber(digits, 16)) end))
end

-- A filter that works on everything at once, at the end: quoted-printable is for short texts.
local function at_end(convert)
  local parts = {}
  return function(chunk)
    if chunk then
      parts[#parts + 1] = chunk
      return ""
    end
    local all = concat(parts)
    parts = {}
    return all ~= "" and convert(all) or nil
  end
end

-- A filter from b64 or unb64.
local function stream(convert)
  local rest = ""
  return function(chunk)
    local out
    out, rest = convert(rest, chunk)
    rest = rest or ""
    return out
  end
end

mime.encodet["base64"] = function() return stream(mime.b64) end
mime.decodet["base64"] = function() return stream(mime.unb64) end
mime.encodet["quoted-printable"] = function() return at_end(quoted) end
mime.decodet["quoted-printable"] = function() return at_end(unquoted) end

local function chosen(filters)
  return function(name)
    local make = filters[name or "base64"]
    if not make then error("unknown key (" .. tostring(name) .. ")", 0) end
    return make()
  end
end
mime.encode, mime.decode = chosen(mime.encodet), chosen(mime.decodet)

function mime.qp(text) return text and quoted(text) end
function mime.unqp(text) return text and unquoted(text) end

-- A filter that breaks lines after `length` characters (76 unless told); all that it gives end with CRLF.
function mime.wrap(_, length)
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
