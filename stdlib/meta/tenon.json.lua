---@meta tenon.json

--- JSON that is written as it was read.  Integers up to 64 bits are integers, all other numbers are decimals that keep
--- their digits, null is `json.null`, and an empty array stays an array.
---
--- ```lua
--- local json = require "tenon.json"
--- local t = json.decode('{"id":300000047272744,"price":0.10,"tags":[]}')
--- json.encode(t) --> {"id":300000047272744,"price":0.10,"tags":[]}
--- ```
---@class tenon.json
---@field null tenon.null
local json = {}

--- The value, or nil and an err of kind "syntax" or "too_large".
---@param text string
---@return any value
---@return tenon.error? err
function json.decode(text) end

--- Keys are sorted.  Raises an err of kind "invalid" that names the path of a value without a JSON form: a
--- function, a cycle, mixed keys, a hole in a list, nan, bytes that are not UTF-8.
---@param value any
---@return string
function json.encode(value) end

--- Marks a table so that it is written as a list also when it is empty.
---@generic T: table
---@param list T?
---@return T
function json.array(list) end

---@param value any
---@return boolean
function json.is_array(value) end

return json
