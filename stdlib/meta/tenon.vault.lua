---@meta tenon.vault

--- Texts that are encrypted at rest and kept for a time: tokens, session ids.
---
--- ```lua
--- local vault = require "tenon.vault"
--- vault.put("token", token, 3600)
--- ```
---@class tenon.vault
local vault = {}

--- The text; nil when there is none or it has expired; nil and an err when it cannot be decrypted.
---@param key string
---@return string? text
---@return tenon.error? err
function vault.get(key) end

---@param key string
---@param text string
---@param seconds integer how long it is kept
---@return boolean?
---@return tenon.error? err
function vault.put(key, text, seconds) end

---@param key string
---@return boolean?
---@return tenon.error? err
function vault.delete(key) end

return vault
