---@meta
-- What editors know of `T`, in tests of scripts; docs/lua.md says more.

---@class T
T = {}

---@class T.Conn
---@field sub? string
---@field tenant? string
---@field roles? string[]
---@field endpoints? string[]
---@field carrier? "websocket"|"datachannel"|"http"|"operator"

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

---@class T.Caller
---@field exten? string
---@field context? string
---@field caller? { name?: string, number?: string }
---@field args? string[] of Stasis(), after the application
---@field variables? table<string, string>
---@field language? string
---@field target? string

---@class T.Ended
---@field outcome "hung up"|"continued"|"kept"|"error"|"budget"|"unhandled"
---@field where? string file:line
---@field by? "caller"|"script"|"client"|"gateway"
---@field context? string
---@field exten? string
---@field priority? integer
---@field label? string
---@field cause? string
---@field result? string what the dialplan finds in ARIBRIDGE_RESULT

---@class T.Phone
---@field id string of its channel
---@field endpoint? string of one that was dialled
---@field caller_id? string
---@field timeout? number
---@field variables? table<string, string>
local phone = {}

---@param digits string
function phone:press(digits) end

---Hangs up.
function phone:hangup() end

---Answers; it has to ring.
function phone:answer() end

---@param how? "busy"|"noanswer"|"congestion"|"unavailable"
function phone:refuse(how) end

---What was played to it since the last time.
---@return string[]
function phone:heard() end

---How its call left the script; nil while it has not.
---@return T.Ended?
function phone:ended() end

---The state of its channel; nil when it has left.
---@return string?
function phone:state() end

---What the script set a variable of its channel to.
---@param name string
---@return string?
function phone:variable(name) end

---The ids of those that it is bridged with.
---@return string[]
function phone:talks_to() end

---@class T.Time
---@field year integer
---@field month integer
---@field day integer
---@field hour? integer
---@field min? integer
---@field sec? integer
---@field zone? string of the IANA database; UTC

---@class T.Recording
local recording = {}

---Lets time pass to its end; fails unless the script does what it did.
---@return T.Phone[] calls
function recording:finish() end

---A phone that calls.
---@param options? T.Caller
---@return T.Phone
function T.call(options) end

---The phones that the script dialled since the last time.
---@return T.Phone[]
function T.dialled() end

---A recorded Asterisk stands behind the test from here on.
---@param file string beside the tests
---@param options? { digits?: string }
---@return T.Recording
function T.replay(file, options) end

---Sets the time of day.
---@param fields T.Time
function T.time(fields) end

---Lets time pass until done() is true.
---@param done fun(): any
---@param seconds? number 10
---@return any
function T.wait_until(done, seconds) end

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
