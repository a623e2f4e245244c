---@meta cjson

--- lua-cjson, for scripts that come from OpenResty or Kong. It alters values: every number becomes a double, so integers
--- above 2^53 and decimals lose digits, `encode` writes 14 digits, and an empty array comes back as an object. Records
--- never go through it; new scripts use `tenon.json`, which keeps every value.
---
--- Tenon limits a call: 256 KiB of text, 20,000 keys and values, a depth of 1,000. `cjson.null` stands for null, and
--- `tenon.json` and records take it as null, too.
---
--- ```lua
--- local cjson = require "cjson"
--- local t = cjson.decode('{"a":[1,null]}')
--- assert(t.a[2] == cjson.null)
--- ```
---@class cjson
---@field null lightuserdata
local cjson = {}

--- Raises when the text is no JSON or too long.
---@param text string
---@return any
function cjson.decode(text) end

--- Raises on what JSON cannot say (functions, tables with holes, decimals of `tenon.decimal`) or is too large.
---@param value any
---@return string
function cjson.encode(value) end

--- An instance with options of its own: encode_sparse_array, encode_max_depth, encode_number_precision,
--- encode_keep_buffer, encode_invalid_numbers, decode_max_depth, decode_invalid_numbers.
---@return cjson
function cjson.new() end

--- The depth from which on `decode` refuses a text; no more than 1,000.
---@param depth? integer
---@return integer
function cjson.decode_max_depth(depth) end

--- The same of `encode`.
---@param depth? integer
---@return integer
function cjson.encode_max_depth(depth) end

return cjson
