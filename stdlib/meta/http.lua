---@meta tenon.http
-- Requests to other systems.  Adapters seldom need this: their `conn` (std/connection.lua) signs in,
-- repeats and checks.

---@class tenon.http.reply
---@field status integer
---@field bytes integer        size of the body
---@field attempts integer     how often it was asked for
local reply = {}

---The first header of that name, in any case.
---@param name string
---@return string?
function reply:header(name) end

---The whole body as a Lua value: integers to 64 bits exact, other numbers as decimals, null as tn.null.
---@return any value, tenon.err? err
function reply:json() end

---One member, by its names with dots between, without converting anything else.  Raises when the body is
---no JSON.
---@param path string
---@return any
function reply:at(path) end

---Is the body JSON?  true, or nil and why not.
---@return boolean?, tenon.err? err
function reply:valid() end

---How many rows the array at a path has.  Raises when there is none.
---@param rows string
---@return integer
function reply:count(rows) end

---Are the rows of both the same, byte for byte?
---@param other tenon.http.reply
---@param rows string
---@return boolean
function reply:same(other, rows) end

---Does the body begin so, white space aside?
---@param prefix string
---@return boolean
function reply:starts(prefix) end

---The body as it came.
---@return string
function reply:text() end

---Frees the body now rather than some time later; the reply cannot be used any more.
function reply:drop() end

---@class tenon.http.request
---@field url string
---@field method? string              "GET"
---@field query? table<string, any>   an array gives its name several times
---@field headers? table<string, string>
---@field body? string
---@field timeout? integer            ms, of one attempt
---@field attempts? integer           in all; 1
---@field delay? integer              ms, the first pause between attempts at most
---@field safe? boolean               may be carried out twice: broken connections and 5xx are repeated too
---@field throttle? string|false      a Retry-After pauses all of this name; the integration
---@field max_reply? integer          bytes

local http = {}

---Sends a request and waits for the answer.  Any status is an answer; nil and err when none came.
---@param request tenon.http.request
---@return tenon.http.reply? reply, tenon.err? err
function http.request(request) end

return http
