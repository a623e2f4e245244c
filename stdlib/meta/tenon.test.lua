---@meta tenon.test

--- The tools of tests.  std.test builds on them and gives a test file `test` and `expect`.
--- Outside of `tenon test` its functions raise.
---
--- ```lua
--- local env = require "tenon.test"
--- env.clock(1700000000000)
--- local item = env.map("oracle_fusion/item", { ItemNumber = "A" })
--- ```
---@class tenon.test
local test = {}

--- From now on fn answers requests: a table with status, headers and body (text, or a table: JSON).
---@param fn fun(request: table, url: string): table?
function test.answer(fn) end

--- Sets the time that scripts are told, and by which the store goes; it stands still but for sleeps.  Answers it.
---@param ms integer?
---@return integer
function test.clock(ms) end

--- A record through a mapping of the site or the shipped ones.
---@param mapping string
---@param record table
---@return table? mapped
---@return tenon.error? err the first fault
function test.map(mapping, record) end

--- The rows that conn:emit makes of a reply and a path, or of a text or stream and its format.
---@param what tenon.http.reply|tenon.http.stream|string
---@param rows string|tenon.conn.format
---@return table[] records
---@return { line: integer, message: string }[]? bad rows that cannot be read
---@return tenon.error? broken why the text ends before its end
function test.rows(what, rows) end

--- The config as the server would give it to the adapter: checked against its declaration, with defaults.  Raises
--- "invalid" with the field.
---@param adapter table
---@param config table<string, any>
---@return table<string, any>
function test.config(adapter, config) end

--- The real time again, and no answers.
function test.reset() end

return test
