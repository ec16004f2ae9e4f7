---@meta bridge
-- What editors know of the module `bridge`, of connections and of commands; docs/lua.md says more.

---@class aribridge.user
---@field sub string
---@field tenant? string
---@field roles string[]
---@field endpoints string[]

---The connection of a client; the same table for as long as it lasts.
---@class aribridge.conn
---@field id string
---@field user aribridge.user
---@field carrier "websocket"|"datachannel"|"http"|"operator"
---@field [string] any
local conn = {}

---Sends a message to the client; if it has left, nothing happens.
---@param data any
function conn:send(data) end

---@class aribridge.cmd
---@field op string the ARI operation, such as "channels.originate"
---@field params table<string, any> by Asterisk's names
---@field target string the name of the Asterisk

---What on_command may return besides the command.
---@class aribridge.verdict

---What a call that fails raises; tostring makes a sentence of it.
---@class aribridge.error
---@field code string
---@field detail string
---@field source? "asterisk"|"gateway"|"script"
---@field status? integer
---@field outcome? "not_applied"|"applied"|"unknown"

---@class bridge
---@field null any JSON's null
---@field kv bridge.kv
local bridge = {}

---Marks a table as a JSON array, for the sake of empty ones.
---@generic T: table
---@param list T
---@return T
function bridge.array(list) end

---@alias bridge.level "debug"|"info"|"warning"|"error"

---Writes to the gateway's log.
---@overload fun(text: string, fields?: table<string, any>)
---@param level bridge.level
---@param text string
---@param fields? table<string, any>
function bridge.log(level, text, fields) end

---@class bridge.Reply
---@field status? integer 200 to 599; 200 unless given
---@field body? any

---Answers the command in Asterisk's place.
---@param reply bridge.Reply
---@return aribridge.verdict
function bridge.reply(reply) end

---Refuses the command; the client reads why.
---@param why string
---@return aribridge.verdict
function bridge.deny(why) end

---Lets the command pass as the script made it, whatever the client's rights are.
---@param cmd aribridge.cmd
---@return aribridge.verdict
function bridge.as_system(cmd) end

---Waits.
---@param milliseconds number
function bridge.sleep(milliseconds) end

---@class bridge.Timer
local timer = {}

---True if it had not fired.
---@return boolean
function timer:cancel() end

---Calls fn later, once; fn may wait.
---@param milliseconds number
---@param fn fun()
---@return bridge.Timer
function bridge.after(milliseconds, fn) end

---Calls fn again and again; calls never overlap.
---@param milliseconds number 10 at least
---@param fn fun()
---@return bridge.Timer
function bridge.every(milliseconds, fn) end

---@class bridge.Event
---@field type string not the type of an Asterisk event
---@field [string] any

---Adds an event to those that clients see.
---@param event bridge.Event
---@param target? string the name of an Asterisk
function bridge.publish(event, target) end

---@class bridge.http.Request
---@field url string
---@field method? string "GET" unless given
---@field headers? table<string, string>
---@field body? any a string is sent as it is, any other value as JSON
---@field timeout? number seconds, 10 unless given, at most 60

---@class bridge.http.Answer
---@field status integer
---@field headers table<string, string> by name in lower case
---@field body string
---@field json? any

---Sends an HTTP request to a host that scripts.http_allow names, and waits for the answer.
---@param request bridge.http.Request
---@return bridge.http.Answer
function bridge.http(request) end

---@class bridge.Time
---@field year integer
---@field month integer
---@field day integer
---@field hour integer
---@field min integer
---@field sec integer
---@field wday integer 1 is Sunday
---@field yday integer
---@field isdst boolean
---@field offset integer seconds east of UTC

---The time in a zone of the IANA database; waits.
---@param options { zone: string }
---@return bridge.Time
function bridge.time(options) end

---What the script remembers beyond a restart; each call is a wait.
---@class bridge.kv
local kv = {}

---@class bridge.kv.Options
---@field ttl? number seconds

---@param key string
---@return any value nil when there is none
function kv.get(key) end

---@param key string
---@param value any
---@param options? bridge.kv.Options
function kv.set(key, value, options) end

---@param key string
---@param by? number 1 unless given
---@param options? bridge.kv.Options
---@return number sum
function kv.incr(key, by, options) end

---@param key string
---@return boolean found
function kv.delete(key) end

---@param prefix? string
---@param after? string
---@return string[] keys at most 1,000
function kv.list(prefix, after) end

return bridge
