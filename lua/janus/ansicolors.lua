-- The module "ansicolors": colours("%{red}text") is the text with a terminal's escape sequences, reset at both ends;
-- colours.noReset(text) leaves the ends alone. The log takes the sequences out again.

local gsub, gmatch, format, concat = string.gsub, string.gmatch, string.format, table.concat

local CODES = {
  reset = 0, bright = 1, dim = 2, underline = 4, blink = 5, reverse = 7, hidden = 8,
}
for code, name in ipairs { "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white" } do
  CODES[name], CODES[name .. "bg"] = 29 + code, 39 + code
end

local function sequence(name)
  if not CODES[name] then error("Unknown key: " .. name, 0) end
  return format("\27[%dm", CODES[name])
end

local function sequences(names)
  local parts = {}
  for name in gmatch(names, "%w+") do parts[#parts + 1] = sequence(name) end
  return concat(parts)
end

local function replace(text)
  -- Spelt so that no text makes the search start over and over: nothing could interrupt it.
  return (gsub(tostring(text or ""), "%%{([%w_ ,;]*)}", sequences))
end

local colours = { noReset = replace }
return setmetatable(colours, {
  __call = function(_, text) return replace("%{reset}" .. tostring(text or "") .. "%{reset}") end,
  __metatable = false,
})
