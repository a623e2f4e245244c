---@meta tenon.http

--- Requests to others.  They wait without holding anything up.
---
--- ```lua
--- local http = require "tenon.http"
--- local reply, err = http.request { url = "https://erp.example/items", query = { limit = 1 }, safe = true }
--- if not reply then log.warn(err.message) end
--- ```
---@class tenon.http
local http = {}

--- Plain tables all of them: one whose metatable has __index or __mode is refused.
---@class tenon.http.options
---@field url string
---@field method string? "GET"
---@field query table? names and values
---@field headers table<string, string>?
---@field tls { ca: string?, cert: string?, key: string? }? PEM texts: authorities that are trusted besides the system's; a client certificate and its private key
---@field credentials string[]? names of headers whose values no error, answer or log line may show; Authorization, Cookie and X-API-Key are always
---@field body string?
---@field form table? a body of names and values, application/x-www-form-urlencoded; a list gives a name several times
---@field multipart tenon.http.part[]? a body of fields and files, multipart/form-data
---@field timeout integer? ms, of one attempt; 60 s, up to an hour
---@field attempts integer? 1
---@field delay integer? ms before the second attempt
---@field safe boolean? may be carried out twice
---@field throttle string|false|nil whose rate it counts against; the integration's
---@field max_reply integer? bytes, after decompression; 10 MiB at most
---@field per_host integer? requests of this integration to that host at once; 8, from 1 to 20

---@class tenon.http.part
---@field name string
---@field content string|number|boolean
---@field filename string? makes it a file
---@field type string? "application/octet-stream" of a file

--- Any HTTP status is a reply; nil and an err (network, timeout, tls, egress, too_large, ...) else.  Of one
--- integration 20 are under way at once (in one worker), 8 of them to one host; more wait their turn, in
--- the order in which they came, which does not count as timeout.  1,000 may wait; more are "overloaded".
---
--- ```lua
--- http.request { method = "POST", url = url, form = { grant_type = "password", scope = { "a", "b" } } }
--- http.request { method = "POST", url = url, multipart = {
---   { name = "plant", content = "7" }, { name = "file", filename = "parts.csv", type = "text/csv", content = text } } }
--- ```
---@param options tenon.http.options
---@return tenon.http.reply? reply
---@return tenon.error? err
function http.request(options) end

--- The same, but the answer is read as it comes, in the memory of some 300 KiB however long it is; while the
--- script is behind, the peer waits.  Comes back when the answer begins; from then on it is not repeated, and
--- a peer that is silent for a minute ends it.  timeout: of everything, 15 minutes; max_reply: 4 GiB.  Four
--- may be open at once; they end with the task that opened them, which alone can read them.
---
--- ```lua
--- local stream, err = http.stream { url = url }
--- for line, record, bad in stream:rows { format = "csv", delimiter = ";" } do use(record) end
--- ```
---@param options tenon.http.options
---@return tenon.http.stream? stream
---@return tenon.error? err
function http.stream(options) end

---@class tenon.http.stream
---@field status integer
local Stream = {}

---@param name string in any case
---@return string?
function Stream:header(name) end

--- The next bytes, as many as have come; nil at the end; nil and an err (timeout, bad_answer, ...) when it
--- breaks off.
---@param most integer? bytes; 64 KiB, up to 1 MiB
---@return string?
---@return tenon.error? err
function Stream:read(most) end

--- Records as they come, one after the other: line and record; line, nil and an err for one that is wrong;
--- when the answer breaks off a line, nil and an err at the end.
---@param format tenon.conn.format
---@return fun(): integer?, table?, tenon.error?
function Stream:rows(format) end

--- Ends it, and the request.
function Stream:close() end

---@class tenon.http.reply
---@field status integer
---@field bytes integer
---@field attempts integer
local Reply = {}

---@param name string in any case
---@return string?
function Reply:header(name) end

--- The cookies that the peer sets (Set-Cookie), as the value of a Cookie header; nil when it sets none.
---@return string?
function Reply:cookies() end

--- The body as a value; nil and an err of kind "bad_answer" when it is no JSON.
---@return any value
---@return tenon.error? err
function Reply:json() end

--- The member at a path ("items", "page.total").  Raises when the body is no JSON.
---@param path string
---@return any
function Reply:at(path) end

--- true, or nil and an err when the body is no JSON.
---@return boolean?
---@return tenon.error? err
function Reply:valid() end

--- How many elements the array at a path has.
---@param path string
---@return integer
function Reply:count(path) end

--- Are the rows at a path the same bytes in both replies: has this page come before?
---@param other tenon.http.reply
---@param path string
---@return boolean
function Reply:same(other, path) end

--- Lets the body go before the collector would; the reply cannot be used afterwards.
function Reply:drop() end

---@param prefix string
---@return boolean
function Reply:starts(prefix) end

---@return string
function Reply:text() end

return http
