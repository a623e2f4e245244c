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

--- RFC 3339, a bare date, or an HTTP date; else nil and an err of kind "invalid".  A text without an
--- offset needs the zone that it is meant in; with one, that offset counts.
---
--- ```lua
--- local ms = time.parse("2026-07-01T09:00:00", "Europe/Berlin")
--- ```
---@param text string
---@param zone string? "UTC", an offset as "+02:00", or a name of the zone database
---@return integer? ms
---@return tenon.error? err
function time.parse(text, zone) end

--- 2026-01-31T08:09:10.123Z; in a zone 2026-01-31T09:09:10.123+01:00.  nil and an err for a zone that
--- does not exist, here and below.
---@param ms integer? now
---@param zone string? UTC
---@return string?
---@return tenon.error? err
function time.iso(ms, zone) end

--- Sat, 31 Jan 2026 08:09:10 GMT
---@param ms integer? now
---@return string
function time.http(ms) end

--- %Y %y %m %d %H %M %S, %L (milliseconds), %F (%Y-%m-%d), %T (%H:%M:%S), %z (+01:00), %j (day of the
--- year), %u (weekday, Monday is 1), %s (seconds since 1970), %%.  Raises for any other letter.
---@param ms integer
---@param format string
---@param zone string? UTC
---@return string?
---@return tenon.error? err
function time.format(ms, format, zone) end

---@class tenon.time.parts
---@field year integer
---@field month integer 1 to 12
---@field day integer
---@field hour integer
---@field minute integer
---@field second integer
---@field ms integer
---@field weekday integer Monday is 1, Sunday 7
---@field yearday integer from 1
---@field offset integer minutes east of UTC

--- The parts of the date and time at that moment.
---@param ms integer
---@param zone string? UTC
---@return tenon.time.parts?
---@return tenon.error? err
function time.parts(ms, zone) end

--- The moment at which calendar and clock show this.  A time that the clocks show twice is the earlier
--- one; one that they skip moves on by the gap.  nil and an err when there is no such time (30 February).
---
--- ```lua
--- local shift = time.from { year = 2026, month = 7, day = 1, hour = 6, zone = "Europe/Berlin" }
--- ```
---@param parts {year: integer, month: integer?, day: integer?, hour: integer?, minute: integer?, second: integer?, ms: integer?, zone: string?}
---@return integer? ms
---@return tenon.error? err
function time.from(parts) end

--- Midnight UTC of a date.  Raises when there is no such day.
---@param year integer
---@param month integer
---@param day integer
---@return integer
function time.date(year, month, day) end

--- "PT15M", "P1DT2H", "90s", "15m", "2h", "1d", "250ms" in milliseconds; a day is 24 hours.  nil and an
--- err of kind "invalid" else, and for months and years, which have no fixed length.
---@param text string
---@return integer? ms
---@return tenon.error? err
function time.duration(text) end

--- Milliseconds as ISO 8601: "PT15M", "P1DT2H", "PT0.25S".
---@param ms integer
---@return string
function time.duration_text(ms) end

---@class tenon.time.amounts
---@field years integer?
---@field months integer?
---@field weeks integer?
---@field days integer?
---@field hours integer?
---@field minutes integer?
---@field seconds integer?
---@field ms integer?

--- Years, months, weeks and days are the calendar's: the wall time of the zone stays, and a day that the
--- month has not becomes its last.  The rest is time that passes.  All may be negative.
---
--- ```lua
--- local tomorrow = time.add(time.now(), { days = 1 }, "Europe/Berlin") -- 23 to 25 hours away
--- local due = time.add(time.now(), "P1M")
--- ```
---@param ms integer
---@param duration string|tenon.time.amounts
---@param zone string? UTC
---@return integer? ms
---@return tenon.error? err
function time.add(ms, duration, zone) end

--- When a schedule comes next: minute hour day-of-month month day-of-week, with *, ranges, lists, steps
--- and names; of two days given either is enough; @hourly, @daily, @weekly, @monthly, @yearly.  A wall
--- time that the clocks skip comes once, at the jump; one that they show twice comes once, the first
--- time; a schedule whose hour is * follows the time that passes.
---
--- ```lua
--- local ms = time.cron_next("30 6 * * mon-fri", time.now(), "Europe/Berlin")
--- ```
---@param expression string
---@param after integer? now
---@param zone string? UTC
---@return integer? ms
---@return tenon.error? err invalid, or not_found: not within 30 years
function time.cron_next(expression, after, zone) end

--- Waits; other work goes on meanwhile.
---@param seconds number 0 to 60
function time.sleep(seconds) end

return time
