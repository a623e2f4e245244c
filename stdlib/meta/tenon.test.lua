---@meta tenon.test

--- What tests set up; std.test builds on it and is what a test file sees as `test` and `expect`.
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

--- Sets the time that scripts are told; it stands still but for sleeps.  Answers it.
---@param ms integer?
---@return integer
function test.clock(ms) end

--- A record through a mapping of the site or the shipped ones.
---@param mapping string
---@param record table
---@return table? mapped
---@return tenon.error? err the first fault
function test.map(mapping, record) end

--- The real time again, and no answers.
function test.reset() end

return test
