---@meta tenon.fixed

--- Lines whose fields stand at fixed positions.  Values are texts without the blanks around them; blanks
--- alone are json.null, and so is what a short line has not.
---
--- ```lua
--- local fixed = require "tenon.fixed"
--- local records, err = fixed.parse(text, { columns = { "number:1-10", "quantity:11-18" } })
--- ```
---@class tenon.fixed
local fixed = {}

---@class tenon.fixed.options
---@field columns string|string[] "name:first-last": positions from 1, both ends included
---@field bytes boolean? positions are bytes, not characters
---@field encoding string? "utf-8" or "windows-1252"

--- All records, in order; or nil and the err of the first line that is wrong: err.line.
---@param text string
---@param options tenon.fixed.options
---@return table<string, any>[]? records
---@return tenon.error? err
function fixed.parse(text, options) end

--- One line after the other, in the memory of one: its number and the record; its number, nil and an err
--- for one that is wrong.
---@param text string
---@param options tenon.fixed.options
---@return fun(): integer?, table<string, any>?, tenon.error?
function fixed.rows(text, options) end

return fixed
