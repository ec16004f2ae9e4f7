-- The module "socket.url": URLs in parts (RFC 3986).

local gsub, match, format, find = string.gsub, string.match, string.format, string.find
local byte, char, sub = string.byte, string.char, string.sub

local url = { _VERSION = "URL 1.0.3" }

function url.escape(text)
  return (gsub(text, "[^A-Za-z0-9_]", function(letter) return format("%%%02x", byte(letter)) end))
end

function url.unescape(text)
  return (gsub(text, "%%(%x%x)", function(digits) return char(tonumber(digits, 16)) end))
end

local function parse_authority(parsed, authority)
  parsed.authority = authority
  local userinfo, address = match(authority, "^([^@]*)@(.*)$")
  if userinfo then
    parsed.userinfo, authority = userinfo, address
    parsed.user, parsed.password = match(userinfo, "^([^:]*):?(.*)$")
    if not find(userinfo, ":", 1, true) then parsed.password = nil end
  end
  local host, port = match(authority, "^(.*):(%d*)$")
  if host and (sub(host, 1, 1) ~= "[" or sub(host, -1) == "]") then
    authority, parsed.port = host, port ~= "" and port or nil
  end
  if authority ~= "" then parsed.host = match(authority, "^%[(.+)%]$") or authority end
end

-- The parts of a URL: scheme, authority, userinfo, user, password, host, port, path, params, query, fragment.
function url.parse(text, default)
  local parsed = {}
  for name, value in next, default or parsed do parsed[name] = value end
  if not text or text == "" then return nil, "invalid url" end
  local function take(pattern, name)
    text = gsub(text, pattern, function(value)
      parsed[name] = value
      return ""
    end, 1)
  end
  take("#(.*)$", "fragment")
  take("^([%w][%w%+%-%.]*)%:", "scheme")
  local authority
  text = gsub(text, "^//([^/%?]*)", function(found)
    authority = found
    return ""
  end)
  take("%?(.*)$", "query")
  take("%;(.*)$", "params")
  if text ~= "" then parsed.path = text end
  if authority then parse_authority(parsed, authority) end
  return parsed
end

local function authority_of(parsed)
  if not parsed.host then return parsed.authority end
  local text = find(parsed.host, ":", 1, true) and "[" .. parsed.host .. "]" or parsed.host
  if parsed.port then text = text .. ":" .. parsed.port end
  local userinfo = parsed.userinfo
  if parsed.user then userinfo = parsed.user .. (parsed.password and ":" .. parsed.password or "") end
  return userinfo and userinfo .. "@" .. text or text
end

-- The URL of such parts.
function url.build(parsed)
  local text = parsed.path or ""
  if parsed.params then text = text .. ";" .. parsed.params end
  if parsed.query then text = text .. "?" .. parsed.query end
  local authority = authority_of(parsed)
  if authority then
    if text ~= "" and not find(text, "^[/;?]") then text = "/" .. text end
    text = "//" .. authority .. text
  end
  if parsed.scheme then text = parsed.scheme .. ":" .. text end
  if parsed.fragment then text = text .. "#" .. parsed.fragment end
  return text
end

return url
