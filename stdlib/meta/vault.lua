---@meta tenon.vault
-- Secrets that an integration earns itself, such as tokens: encrypted at rest, shared by all workers.

local vault = {}

---@param key string
---@return string? value, tenon.err? err
function vault.get(key) end

---Waits until it is stored for good.
---@param key string
---@param value string
---@param seconds integer      it is gone after so long
---@return true?, tenon.err? err
function vault.put(key, value, seconds) end

---@param key string
---@return true?, tenon.err? err
function vault.delete(key) end

return vault
