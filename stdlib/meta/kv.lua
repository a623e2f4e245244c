---@meta tenon.kv
-- Small texts that outlive the script: one space an integration, one for resources and surfaces.

local kv = {}

---@param key string           1 to 300 bytes
---@return string? value, tenon.err? err
function kv.get(key) end

---Waits until it is stored for good.
---@param key string
---@param value string         256 KiB at most
---@param seconds? integer     it is gone after so long
---@return true?, tenon.err? err
function kv.put(key, value, seconds) end

---Adds to a whole number, from 0; whoever else does so at the same time, nothing is lost.
---@param key string
---@param by? integer          1
---@return integer? sum, tenon.err? err
function kv.incr(key, by) end

---@param key string
---@return true?, tenon.err? err
function kv.delete(key) end

return kv
