---@meta tenon.kv

--- Small texts that outlive the script.  Each integration has keys of its own; resources and surfaces share theirs.
---
--- ```lua
--- local kv = require "tenon.kv"
--- kv.put("last_seen", "2026-01-31", 86400)
--- ```
---@class tenon.kv
local kv = {}

--- The value; nil when there is none; nil and an err when the store cannot be read.
---@param key string
---@return string? value
---@return tenon.error? err
function kv.get(key) end

---@param key string
---@param value string at most 256 KiB
---@param seconds integer? how long it is kept
---@return boolean?
---@return tenon.error? err
function kv.put(key, value, seconds) end

--- Adds to a whole number, or to 0 when there is none, and returns the sum.
---@param key string
---@param by integer? 1
---@return integer?
---@return tenon.error? err
function kv.incr(key, by) end

---@param key string
---@return boolean?
---@return tenon.error? err
function kv.delete(key) end

return kv
