-- The module "socket.url": URLs in parts (RFC 3986).

local gsub, match, format, find = string.gsub, string.match, string.format, string.find
local byte, char, sub, gmatch, concat = string.byte, string.char, string.sub, string.gmatch, table.concat

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

-- The segments of a path, with is_absolute = 1 if it begins with a slash and is_directory = 1 if it ends with one.
function url.parse_path(path)
  local parsed = {}
  for segment in gmatch(path or "", "[^/]+") do parsed[#parsed + 1] = url.unescape(segment) end
  if sub(path or "", 1, 1) == "/" then parsed.is_absolute = 1 end
  if sub(path or "", -1) == "/" then parsed.is_directory = 1 end
  return parsed
end

-- What a segment of a path may hold as it is (RFC 3986 section 3.3).
local function escape_segment(text)
  local function escape(letter) return format("%%%02X", byte(letter)) end
  return (gsub(text, "[^%w%-%._~!%$&'%(%)%*%+,;=:@]", escape))
end

-- The path of such segments; they are escaped, unless `unsafe` says that they are already.
function url.build_path(parsed, unsafe)
  local parts = {}
  for k = 1, #parsed do parts[k] = unsafe and parsed[k] or escape_segment(parsed[k]) end
  local path = concat(parts, "/")
  if parsed.is_directory and parts[1] then path = path .. "/" end
  return parsed.is_absolute and "/" .. path or path
end

local function full_path(parsed)
  return (parsed.path or "") .. (parsed.params and ";" .. parsed.params or "")
end

-- RFC 3986 section 5.2.4.
local function without_dots(path)
  local from_root = sub(path, 1, 1) == "/"
  local parts, last = {}, nil
  for segment in gmatch(from_root and sub(path, 2) or path, "[^/]*") do
    last = segment
    if segment == ".." then
      parts[#parts] = nil
    elseif segment ~= "." then
      parts[#parts + 1] = segment
    end
  end
  if last == "." or last == ".." then parts[#parts + 1] = "" end
  return (from_root and "/" or "") .. concat(parts, "/")
end

local function merged(base, path)
  if sub(path, 1, 1) == "/" then return path end
  local before = match(full_path(base), "^.*/") or ((base.authority or base.host) and "/" or "")
  return before .. path
end

local PLACE = { "authority", "userinfo", "user", "password", "host", "port" }

-- The URL that `relative` leads to from `base`, a URL or its parts (RFC 3986 section 5.2).
function url.absolute(base, relative)
  local from = type(base) == "table" and base or url.parse(base) or {}
  local to = url.parse(relative) or {}
  if to.scheme then return relative end
  local result = { scheme = from.scheme, query = to.query, fragment = to.fragment }
  local place, path = to.authority and to or from, full_path(to)
  for _, name in ipairs(PLACE) do result[name] = place[name] end
  if to.authority then
    result.path = without_dots(path)
  elseif path == "" then
    result.path, result.query = full_path(from), to.query or from.query
  else
    result.path = without_dots(merged(from, path))
  end
  return url.build(result)
end

return url
