-- new/test.lua: a test file.
local text = require "new.text"

local TEST = [[
-- tests/@NAME@.test.lua: run by tenon test.  Each test begins with an empty store, the real time and no replies.
local t    = require "std.test"
local http = require "tenon.http"

test("a peer answers as it was recorded", function()
  t.replies { ["GET https://peer.example/parts"] = { body = { parts = { { no = "4711" } } } } }
  local reply = assert(http.request { url = "https://peer.example/parts" })
  expect(reply:at("parts")[1].no):equals("4711")
  expect(t.sent()[1].method):equals("GET")
end)

-- t.run(require "adapters.acme", "sync_items", config)   the pages that an operation gives to the engine
-- t.map("acme/item", record)                             a record through a mapping
-- t.fire(require "rules.x", event)                       a rule
-- t.call(require "surfaces.x", "GET", "/x/y")            a route of a surface
-- t.clock(1700000000000)                                 the time stands still
]]

return function(request)
  local content = text.fill(TEST, { NAME = request.name })
  return { files = { { path = "tests/" .. request.name .. ".test.lua", text = content } } }
end
