---@meta std.retry
-- Repeats a function when that may help.  Requests of `conn` are repeated by themselves; use this for several in a row.

local retry = {}

---@class tenon.retry.options
---@field attempts? integer      in all; 4
---@field delay? integer         ms, doubled from attempt to attempt; 500
---@field longest? integer       ms, no pause is longer; 30000
---@field when? fun(err: any): boolean, integer?   shall it be tried again, and after how many ms; err.retry

---Calls fn until it returns; pauses between attempts are random up to a growing bound.
---Raises what the last attempt raised, or at once what another attempt would not mend.
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
