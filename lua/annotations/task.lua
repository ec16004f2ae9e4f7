---@meta task
-- What editors know of the module `task`; docs/lua.md says more.

---@class task.Handle

---@class task
local task = {}

---Runs fn(...) beside everything else.
---@param fn fun(...)
---@param ... any
---@return task.Handle
function task.spawn(fn, ...) end

---Runs functions side by side, waits for them and for tasks; what each returned.
---@param list ((fun(): any)|task.Handle)[]
---@return any[]
function task.gather(list) end

---Raises {code = "cancelled"} where the task waits; false when it is over already.
---@param handle task.Handle
---@return boolean
function task.cancel(handle) end

return task
