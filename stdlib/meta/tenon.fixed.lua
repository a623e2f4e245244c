---@meta tenon.fixed

--- Lines whose fields stand at fixed positions.  Values are texts without the blanks around them; a
--- field of blanks is json.null, and so is a field that a short line does not have.
---
--- ```lua
--- local fixed = require "tenon.fixed"
--- local records, err = fixed.parse(text, { columns = { "number:1-10", "quantity:11-18" } })
--- ```
---@class tenon.fixed
local fixed = {}

---@class tenon.fixed.options
---@field columns string|string[] "name:first-last": positions from 1, both ends included
---@field only string? "kind=D" or "kind=D,E": lines whose column has another value, such as headers, are passed over
---@field bytes boolean? positions are bytes (of utf-8 or windows-1252), not characters
---@field encoding string? as iconv names it: "windows-1252", "iso-8859-15", "shift_jis", "utf-16"; without it UTF-8, or what
---  a byte order mark or the charset of an answer says

--- All records, in order; or nil and the err of the first line that is wrong: err.line.
---@param text string
---@param options tenon.fixed.options
---@return table<string, any>[]? records
---@return tenon.error? err
function fixed.parse(text, options) end

--- Iterates over the lines and holds one at a time: gives its number and the record; for a wrong line its number,
--- nil and an err.
---@param text string
---@param options tenon.fixed.options
---@return fun(): integer?, table<string, any>?, tenon.error?
function fixed.rows(text, options) end

return fixed
