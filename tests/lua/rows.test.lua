-- conn:emit: the rows of a JSON answer.
local t    = require "std.test"
local tn   = require "tenon"
local json = require "tenon.json"

local adapter = tn.adapter {
  title = "ACME", type = "ERP", base = "baseUrl",
  config = { tn.url "baseUrl" { required = true }, tn.text "path" {} },
  operations = { sync_items = { entity = "item", direction = "pull", mapping = "oracle_fusion/item",
    run = function(conn) conn:emit(conn:get("/items"), conn.config.path) end } },
}

local function rows(body, path)
  t.replies { ["GET https://api.example/items"] = { status = 200, body = body } }
  local pages = t.run(adapter, "sync_items", { baseUrl = "https://api.example", path = path or "items" })
  return #pages == 0 and {} or pages[1].rows
end

test("case 12: one row is an object", function()
  expect(rows('{"items":{"no":"P1"}}')):equals({ { no = "P1" } })
  expect(rows('{"d":{"results":{"no":"P1"}}}', "d.results")):equals({ { no = "P1" } })
end)

test("case 12: no row is null, or no member if the path says so", function()
  expect(#rows('{"items":null}')):equals(0)
  expect(#rows('{"count":0,"hasMore":false}', "items?")):equals(0)
  expect(#rows('{"items":[{"no":"P1"},{"no":"P2"}]}', "items?")):equals(2)
  expect(function() rows('{"count":0,"hasMore":false}') end):fails_with("bad_answer", "nothing where its rows")
  expect(function() rows('{"items":"none"}', "items?") end):fails_with("bad_answer", "items")
end)

test("case 23: a byte order mark before JSON", function()
  expect(rows('\xEF\xBB\xBF{"items":[{"no":"1"}]}')):equals({ { no = "1" } })
  expect(json.decode('\xEF\xBB\xBF[1]')):equals({ 1 })
end)
