---@meta
-- What editors know of `T`, in tests of scripts; docs/lua.md says more.

---@class T
T = {}

---@class T.Conn
---@field sub? string
---@field tenant? string
---@field roles? string[]
---@field endpoints? string[]
---@field carrier? "websocket"|"datachannel"

---@class T.Command
---@field op string
---@field params? table<string, any>
---@field target? string

---@class T.Verdict
---@field kind "pass"|"system"|"deny"|"reply"
---@field cmd? aribridge.cmd
---@field why? string
---@field status? integer
---@field body? any

---@class T.Call
---@field op string
---@field params table<string, any>
---@field target? string

---@class T.Line
---@field level bridge.level
---@field text string
---@field fields table<string, any>

---@param options? T.Conn
---@return aribridge.conn
function T.conn(options) end

---@param conn aribridge.conn
---@param cmd T.Command
---@return T.Verdict
function T.command(conn, cmd) end

---@param event table<string, any>
---@param target? string
---@return table<string, any>? event
function T.event(event, target) end

---@param conn aribridge.conn
---@param data any
---@return any
function T.message(conn, data) end

---@param conn aribridge.conn
function T.connect(conn) end

---@param conn aribridge.conn
---@param reason? string
function T.disconnect(conn, reason) end

---Lets time pass.
---@param milliseconds number
function T.advance(milliseconds) end

---Answers the script's calls of an operation, or of a method and path.
---@param op string
---@param fn fun(params: table<string, any>): any
function T.ari(op, fn) end

---What the function of T.ari returns for an error of Asterisk's.
---@param fields { status?: integer, code?: string, detail?: string, outcome?: string }
---@return table
function T.error(fields) end

---@param conn aribridge.conn
---@return any[]
function T.sent(conn) end

---@return T.Call[]
function T.calls() end

---@return table<string, any>[]
function T.published() end

---@return T.Line[]
function T.logs() end

---@return string[]
function T.errors() end

---@param actual any
---@param expected any
---@param what? string
function T.equal(actual, expected, what) end
