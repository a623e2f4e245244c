---@meta tenon.config

--- The config of the integration that a script works for: decrypted, with defaults, as conn.config has it.
--- For libraries and mappings, which get no conn.  Each value is a copy.
---
--- ```lua
--- local config = require "tenon.config"
--- local organization = config.get "organizationCode"
--- ```
---@class tenon.config
local config = {}

--- The value, or nil when it is not set and has no default.  Raises for a name that the adapter does not
--- declare, in a script that belongs to no integration, and while a file is being loaded.
---@param name string
---@return any
function config.get(name) end

--- The names that the adapter declares.
---@return string[]
function config.names() end

--- The name of the integration; nil in a script that belongs to none.
---@return string?
function config.integration() end

return config
