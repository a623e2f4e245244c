-- conn:emit: the rows of a JSON answer.
local t    = require "std.test"
local tn   = require "tenon"
local json = require "tenon.json"

local adapter = tn.adapter {
  title = "ACME", type = "ERP", base = "baseUrl",
  config = { tn.url "baseUrl" { required = true }, tn.text "path" {} },
  operations = { sync_items = { entity = "item", direction = "pull", mapping = "oracle_fusion/item",
      run = function(conn) conn:emit(conn:get("/items"), conn.config.path) end },
    sync_csv = { entity = "item", direction = "pull", mapping = "oracle_fusion/item", run = function(conn)
      conn:emit(conn:get("/items", nil, { raw = true }), { format = "csv" })
      conn:emit(conn:stream("/items"), { format = "csv", encoding = conn.config.path })
    end } },
}

local function rows(body, path, type)
  t.replies { ["GET https://api.example/items"] = { status = 200, body = body,
    headers = { ["Content-Type"] = type or "application/json" } } }
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

test("case 14: JSON in the charset that the answer names, or in UTF-16", function()
  local latin = '{"items":[{"no":"Gr\xFCn"}]}'
  expect(rows(latin, "items", "application/json; charset=ISO-8859-1")):equals({ { no = "Grün" } })
  expect(rows('{"items":[{"no":"Grün"}]}', "items", "application/json; charset=ISO-8859-1"))
    :equals({ { no = "Grün" } })
  expect(rows(("\xEF\xBB\xBF" .. '{"items":[]}'), "items")):equals({})
  local wide = latin:gsub(".", "%0\0")
  expect(rows(wide, "items")):equals({ { no = "Grün" } })
  expect(rows("\xFF\xFE" .. wide, "items", "application/json; charset=utf-8")):equals({ { no = "Grün" } })
  expect(function() rows(latin, "items") end):fails_with("bad_answer")
end)

test("case 14: CSV in the charset that the answer names", function()
  t.replies { ["GET https://api.example/items"] = { status = 200, body = "no\nGr\xFCn\xA4\n",
    headers = { ["Content-Type"] = 'text/csv; charset="ISO-8859-15"' } } }
  local pages = t.run(adapter, "sync_csv", { baseUrl = "https://api.example" })
  expect(pages[1].rows):equals({ { no = "Grün€" } })
  expect(pages[2].rows):equals({ { no = "Grün€" } })
  pages = t.run(adapter, "sync_csv", { baseUrl = "https://api.example", path = "windows-1252" })
  expect(pages[2].rows):equals({ { no = "Grün¤" } })
end)
