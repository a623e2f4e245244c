---@meta std.test
-- Tests of scripts: files *.test.lua, run by `tenon test`.  Each file sees test and expect as well; each test
-- begins with the real time, without replies, and with an empty store.

---A test of this file.
---
---```lua
---test("each line is a part", function()
---  t.replies { ["GET https://acme.example/parts"] = { body = { parts = { { id = 1 } } } } }
---  local pages = t.run(require "adapters.acme", "sync_parts", { baseUrl = "https://acme.example" })
---  expect(pages[1].rows):equals { { id = 1 } }
---end)
---```
---@param name string
---@param fn fun()
function test(name, fn) end

---@param value any
---@return tenon.test.expectation
function expect(value) end

---@class tenon.test.expectation  each answers itself, or fails the test with what was found
local expectation = {}

---Tables are compared by what is in them (down to 150 levels; cycles may be in them), decimals by their digits.
---@param wanted any
---@return tenon.test.expectation
function expectation:equals(wanted) end

---The value is a text that matches.
---@param pattern string              of string.find
---@return tenon.test.expectation
function expectation:matches(pattern) end

---The value is a function that raises an err of this kind; "script" for whatever error() was given.
---@param kind string
---@param pattern? string             that its message matches
---@return tenon.test.expectation
function expectation:fails_with(kind, pattern) end

local t = {}

t.test, t.expect = test, expect

---@class tenon.test.reply
---@field status? integer             200
---@field headers? table<string, string>
---@field body? string|table          a table is answered as JSON

---@class tenon.test.request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string
---@field credentials string[]        names of the headers that sign it

---@class tenon.test.page
---@field rows table[]                as a mapping sees them
---@field cursor? any
---@field total? integer
---@field bad? { line: integer, message: string }[]  rows that cannot be read; nil when all can

---From now on requests are answered from this table: by "GET https://host/path?query", or by the same without
---query.  A list is answered one after the other, up to its end.  What it lacks fails the request.
---@param recorded table<string, tenon.test.reply|tenon.test.reply[]|fun(request: table, url: string): tenon.test.reply>
function t.replies(recorded) end

---Every request so far.
---@return tenon.test.request[]
function t.sent() end

---Runs an operation against the recorded replies; config is checked as the API does it, and gets its defaults: a page for each conn:emit that brought records.
---@param adapter table               require "adapters.acme"
---@param operation string
---@param config table<string, any>
---@param filters? table<string, any>
---@param resume? any                 the cursor to go on from
---@return tenon.test.page[]
function t.run(adapter, operation, config, filters, resume) end

---The conn that an adapter's functions would get.
---@param adapter table
---@param config table<string, any>
---@return tenon.conn
function t.connect(adapter, config) end

---Runs a rule with an event, whatever its `on` and `when` say; seq, number and at are filled in.
---@param rule table                  require "rules.item_changed"
---@param event { type: string, record: table?, data: table?, at: string?, seq: integer?, number: integer? }
function t.fire(rule, event) end

---@class tenon.test.answer
---@field status integer
---@field body? any                   decoded where it is JSON
---@field headers table<string, string>

---Calls the function of a surface's route.  Keys and permissions are not looked at.
---@param surface table               require "surfaces.shop"
---@param method string
---@param url string                  "/shop/orders/4711?lines=yes"
---@param request? { headers: table<string, string>?, body: string|table|nil }
---@return tenon.test.answer
function t.call(surface, method, url, request) end

---Sets the time that scripts are told, and by which the store goes; it stands still but for sleeps.  Answers it.
---@param ms? integer
---@return integer
function t.clock(ms) end

---A record through a mapping of the site or the shipped ones.
---@param mapping string              "oracle_fusion/item"
---@param record table
---@return table? mapped
---@return tenon.error? err           the first fault
function t.map(mapping, record) end

return t
