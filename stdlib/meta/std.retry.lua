---@meta std.retry
-- Repeats a function when that may help.  `conn` repeats single requests already; use this
-- to repeat a sequence of them.

local retry = {}

---@class tenon.retry.options
---@field attempts? integer      in all; 4
---@field delay? integer         ms, doubled from attempt to attempt; 500
---@field longest? integer       ms, no pause is longer; 30000
---@field when? fun(err: any): boolean, integer?   whether to try again, and after how many ms; default: err.retry

---Calls fn until it returns; pauses between attempts are random up to a growing bound.
---Raises the error of the last attempt, or at once an error for which another attempt would not help.
---
---```lua
---local order = retry.run(function() return conn:post("/orders", body):json() end, { attempts = 3 })
---```
---@generic T
---@param fn fun(attempt: integer): T
---@param options? tenon.retry.options
---@return T
function retry.run(fn, options) end

---The pause that a reply's Retry-After asks for, in ms; nil when it has none.
---@param reply tenon.http.reply
---@return integer?
function retry.after(reply) end

return retry
