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

---@class tenon.http.options
---@field url string
---@field method string? "GET"
---@field query table? names and values
---@field headers table<string, string>?
---@field body string?
---@field timeout integer? ms, of everything
---@field attempts integer? 1
---@field delay integer? ms before the second attempt
---@field safe boolean? may be carried out twice
---@field throttle string|false|nil whose rate it counts against; the integration's
---@field max_reply integer? bytes

--- Any HTTP status is a reply; nil and an err (network, timeout, tls, egress, too_large, ...) else.
---@param options tenon.http.options
---@return tenon.http.reply? reply
---@return tenon.error? err
function http.request(options) end

---@class tenon.http.reply
---@field status integer
---@field bytes integer
---@field attempts integer
local Reply = {}

---@param name string in any case
---@return string?
function Reply:header(name) end

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
