---@meta
-- What editors know of the hooks that scripts define, and of calls; docs/lua.md and docs/flows.md say more.

---@type fun(conn: aribridge.conn, cmd: aribridge.cmd): aribridge.cmd|aribridge.verdict
on_command = nil

---@type fun(event: table<string, any>, target: string): table<string, any>?
on_event = nil

---@type fun(conn: aribridge.conn, data: any): any
on_message = nil

---@type fun(conn: aribridge.conn)
on_connect = nil

---@type fun(conn: aribridge.conn, reason: string)
on_disconnect = nil

---@type fun(call: aribridge.call): boolean
accepts = nil

---@type fun(call: aribridge.call)
on_call = nil

---@type fun(call: aribridge.call, saved: table<string, any>?)
on_resume = nil

---@class aribridge.call
---@field id string
---@field name string
---@field target string the name of its Asterisk
---@field caller { name: string, number: string }
---@field exten string
---@field context string
---@field args string[]
---@field state string
---@field language string
local call = {}

function call:answer() end

function call:ring() end

---@class call.Play
---@field media? string|string[]
---@field interrupt? boolean|string true: any digit stops it; "12": these
---@field lang? string
---@field offset? integer milliseconds

---@alias call.played "done"|"failed"|"interrupted"

---@param media string|string[]|call.Play
---@param options? call.Play
---@return string? digit
---@return call.played how
function call:play(media, options) end

---@param digits string
---@param options? call.Play
---@return string? digit
---@return call.played how
function call:say_digits(digits, options) end

---@param number integer
---@param options? call.Play
---@return string? digit
---@return call.played how
function call:say_number(number, options) end

---@class call.Read
---@field prompt? string|string[]
---@field max? integer
---@field timeout? number seconds, for each digit
---@field terminator? string
---@field lang? string

---@param options? call.Read
---@return string digits
---@return "max"|"terminator"|"timeout" why
function call:read(options) end

---@class call.Record
---@field name? string
---@field format? string
---@field max? integer seconds
---@field silence? integer seconds
---@field beep? boolean
---@field terminator? string
---@field if_exists? string

---@param options? call.Record
---@return ari.LiveRecording? recording
---@return string? why
function call:record(options) end

---@class call.Leg
---@field id string
---@field endpoint string

---@class call.Dial
---@field endpoints? string[]
---@field timeout? number seconds of ringing
---@field ringing? boolean
---@field early_media? boolean false: our ringing until the answer
---@field caller_id? string
---@field variables? table<string, string>
---@field answered? fun(leg: call.Leg): boolean? false: hang up on it
---@field connected? fun(leg: call.Leg)
---@field record? string

---@param what string|string[]|call.Dial
---@param options? call.Dial
---@return "answered"|"busy"|"noanswer"|"congestion"|"unavailable"|"rejected" result
---@return string? endpoint
function call:dial(what, options) end

function call:hold() end

function call:unhold() end

---@param direction? "in"|"out"|"both"
function call:mute(direction) end

---@param direction? "in"|"out"|"both"
function call:unmute(direction) end

---@param class? string|false false ends it
function call:moh(class) end

---@param name string
---@return string?
function call:get(name) end

---@param name string
---@param value any
function call:set(name, value) end

---@class call.Snoop
---@field spy? "none"|"in"|"out"|"both"
---@field whisper? "none"|"in"|"out"|"both"
---@field args? string

---@param options call.Snoop
---@return string id of the channel
function call:snoop(options) end

---@class call.Place
---@field context? string
---@field exten? string
---@field priority? integer
---@field label? string

---@class call.Transfer
---@field attended? boolean
---@field timeout? number seconds
---@field cancel? string the digit that leads back
---@field announce? string|string[]
---@field accept? string the digit by which the party takes the call
---@field moh? string
---@field caller_id? string
---@field variables? table<string, string>

---@param to string|call.Place
---@param options? call.Transfer
---@return false|"answered"|"cancelled"|"busy"|"noanswer"|"congestion"|"unavailable"|nil result
---@return string? endpoint
function call:transfer(to, options) end

---@param what string "dtmf", or the type of an ARI event
---@param fn? fun(what: any)
function call:on(what, fn) end

---@param seconds? number
---@return any notified
function call:wait(seconds) end

---@param value any
---@return boolean arrived
function call:notify(value) end

---@param place? call.Place
function call:continue(place) end

function call:keep() end

---@param cause? string|integer
function call:hangup(cause) end

---Keeps what on_resume gets after the gateway was started anew; the last one counts.
---@param value table<string, any>
function call:save(value) end
