---@meta cjson.safe

--- As `cjson`, but `decode` and `encode` return nil and a message where the others raise.
---
--- ```lua
--- local cjson = require "cjson.safe"
--- local t, why = cjson.decode("{")
--- assert(t == nil and why)
--- ```
---@type cjson
local cjson = {}

return cjson
