-- The main chunk of a script, and `require`: the built-in modules, then files beside the script, then the gateway's
-- lua/lib.

local host = ...

local type, error, load, rawget, tostring = type, error, load, rawget, tostring

local LOADING = {}

host.loaded = {} -- modules by name; the built-in ones are put here first, so that nothing can take their place
host.cannot_wait.load = "nothing can wait while a script is being loaded: call it in a hook, or from task.spawn"

local function compile(source, file)
  local chunk, message = load(source, "@" .. file, "t", host.env)
  if not chunk then error(message, 0) end
  return chunk
end

local function load_module(name)
  if not host.is_loading and not host.requires_late then
    error("module '" .. name .. "' has not been loaded yet: require it at the top of the script", 0)
  end
  local file = host.wait("require", name)
  host.loaded[name] = LOADING
  local value = compile(file.source, file.name)(name)
  host.loaded[name] = value == nil and true or value
  return host.loaded[name]
end

function host.env.require(name)
  if type(name) ~= "string" then error("require takes the name of a module", 2) end
  local module = host.loaded[name]
  if module == LOADING then error("module '" .. name .. "' requires itself, maybe through another one", 0) end
  if module == nil then return load_module(name) end
  return module
end

-- Staged: source and file name. Result: the names of the hooks that the script defines.
function host.entries.load()
  local source, file = table.unpack(host.arguments().values)
  host.is_loading = true
  compile(source, file)()
  host.is_loading = false
  local found = host.array {}
  for name in pairs(host.hook_names) do
    local hook = rawget(host.env, name)
    if hook ~= nil and type(hook) ~= "function" then
      error(file .. ": " .. name .. " is a " .. type(hook) .. "; hooks are functions", 0)
    end
    host.hooks[name] = hook
    if hook then found[#found + 1] = name end
  end
  return found
end

local function names_of(list)
  local names = host.array {}
  for name in pairs(list) do names[#names + 1] = name end
  return names
end

-- Result: the names of what scripts are given, and of the hooks (for `aribridge script check`).
function host.entries.names()
  return { globals = names_of(host.env), hooks = names_of(host.hook_names) }
end
