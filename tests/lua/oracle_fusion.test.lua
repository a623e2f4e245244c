-- The shipped adapter of Oracle Fusion against recorded replies.
local t       = require "std.test"
local json    = require "tenon.json"
local adapter = require "adapters.oracle_fusion"

local TOKEN = "POST https://login.example/token"
local ITEMS = "GET https://fusion.example/fscmRestApi/resources/11.13.18.05/itemsV2"

local function config(more)
  local c = { fusionBaseUrl = "https://fusion.example", tokenUrl = "https://login.example/token", clientId = "id",
              clientSecret = "secret", scopes = { "a" }, batchSize = 2, timeout = 1000, retryAttempts = 0,
              retryDelay = 0, dialect = "reference", releaseVersion = "11.13.18.05", authStyle = "basic" }
  for name, value in pairs(more or {}) do c[name] = value end
  return c
end

local function token(name)
  return { status = 200, body = { access_token = name, expires_in = 3600, token_type = "Bearer" } }
end

local function items(list, more)
  return { status = 200, body = { items = json.array(list), count = #list, hasMore = more } }
end

test("pages are asked for until the peer says that there are no more", function()
  t.replies { [TOKEN] = token "one", [ITEMS] = { items({ { ItemNumber = "A" }, { ItemNumber = "B" } }, true),
                                                 items({ { ItemNumber = "C" } }, false) } }
  local pages = t.run(adapter, "sync_items", config())
  expect(#pages):equals(2)
  expect(pages[2].rows[1].ItemNumber):equals("C")
  expect(pages[1].cursor):equals { offset = 2, limit = 2 }
  local sent = t.sent()
  expect(#sent):equals(3)
  expect(sent[2].headers.Authorization):equals("Bearer one")
  expect(sent[3].url):matches("offset=2")
end)

test("a run goes on where the one before stopped", function()
  t.replies { [TOKEN] = token "one", [ITEMS] = { items({ { ItemNumber = "C" } }, false) } }
  t.run(adapter, "sync_items", config(), {}, { offset = 40, limit = 2 })
  expect(t.sent()[#t.sent()].url):matches("offset=40")
end)

test("filters reach the upstream in each dialect", function()
  local filters = { organizationCode = "M1", itemClass = "Root", modifiedSince = "2026-01-02T03:04:05Z" }
  t.replies { [TOKEN] = token "one", [ITEMS] = function() return items({}, false) end }
  t.run(adapter, "sync_items", config(), filters)
  expect(t.sent()[#t.sent()].url):matches("organizationCode=M1")
  t.run(adapter, "sync_items", config { dialect = "real" }, filters)
  local url = t.sent()[#t.sent()].url
  expect(url):matches("OrganizationCode%%3D%%27M1%%27")
  expect(url):matches("LastUpdateDate")
end)

test("a token that is refused is renewed once", function()
  local refused = { status = 401, body = { title = "expired" } }
  t.replies { [TOKEN] = { token "one", token "two" }, [ITEMS] = { refused, items({ { ItemNumber = "A" } }, false) } }
  local pages = t.run(adapter, "sync_items", config { clientId = "renewed" })
  expect(#pages):equals(1)
  expect(t.sent()[#t.sent()].headers.Authorization):equals("Bearer two")
end)

test("health names the scope that is missing", function()
  t.replies { [TOKEN] = token "one", [ITEMS] = { { status = 403, body = { title = "Forbidden" } } } }
  local conn = t.connect(adapter, config())
  expect(function() adapter.health(conn) end):fails_with("denied", "lacks the scope")
end)

test("an item becomes a record", function()
  local item = t.map("oracle_fusion/item", { ItemNumber = "A-1", ItemDescription = "Bolt", ItemClass = "Purchased" })
  expect(item.partNumber):equals("A-1")
  expect(item.partType):equals("COMPONENT")
  local nothing, err = t.map("oracle_fusion/item", { ItemDescription = "no number" })
  expect(nothing):equals(nil)
  expect(err.kind):equals("mapping")
  expect(err.field):equals("key")
end)
