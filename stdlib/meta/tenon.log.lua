---@meta tenon.log

--- Lines in the log under the area of the script.  With more than one argument the first is a format as in
--- string.format.  Secrets of the config are masked.
---
--- ```lua
--- local log = require "tenon.log"
--- log.info("page %d: %d rows", page, #rows)
--- ```
---@class tenon.log
local log = {}

--- Only written when debug lines are on for this area.
---@param text any
---@param ... any
function log.debug(text, ...) end

---@param text any
---@param ... any
function log.info(text, ...) end

---@param text any
---@param ... any
function log.warn(text, ...) end

---@param text any
---@param ... any
function log.error(text, ...) end

return log
