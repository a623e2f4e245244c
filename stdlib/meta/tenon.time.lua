---@meta tenon.time

--- Instants as whole milliseconds since 1970 in UTC.
---
--- ```lua
--- local time = require "tenon.time"
--- local day = time.format(time.now(), "%Y-%m-%d")
--- ```
---@class tenon.time
local time = {}

---@return integer
function time.now() end

--- RFC 3339, a bare date, or an HTTP date; else nil and an err of kind "invalid".
---@param text string
---@return integer? ms
---@return tenon.error? err
function time.parse(text) end

--- 2026-01-31T08:09:10.123Z
---@param ms integer? now
---@return string
function time.iso(ms) end

--- Sat, 31 Jan 2026 08:09:10 GMT
---@param ms integer? now
---@return string
function time.http(ms) end

--- %Y %m %d %H %M %S, %L (milliseconds), %j (day of the year), %s (seconds since 1970), %%
---@param ms integer
---@param format string
---@return string
function time.format(ms, format) end

--- Midnight UTC of a date.  Raises when there is no such day.
---@param year integer
---@param month integer
---@param day integer
---@return integer
function time.date(year, month, day) end

--- "90s", "15m", "2h", "1d", "250ms" in milliseconds; else nil and an err of kind "invalid".
---@param text string
---@return integer? ms
---@return tenon.error? err
function time.duration(text) end

--- Waits; other work goes on meanwhile.
---@param seconds number 0 to 60
function time.sleep(seconds) end

return time
