-- new/surface.lua: a surface and its test.
local text = require "new.text"

local FILE = [[
-- scripts/surfaces/@NAME@.lua: HTTP routes of our own.  A caller needs an API key unless auth = "none".
local tn    = require "tenon"
local store = require "tenon.store"
local json  = require "tenon.json"

-- GET /@NAME@/@PLURAL@?limit=20: our records in another shape
local function list(request)
  local page = assert(store.query("@RESOURCE@", { limit = tonumber(request.query.limit or 20), total = true }))
  local rows = {}
  for i, record in ipairs(page.rows) do rows[i] = { id = record.id, changed = record.updatedAt } end
  return 200, { rows = json.array(rows), total = page.total }
end

-- GET /@NAME@/@PLURAL@/{id}
local function get(request)
  local record = store.get("@RESOURCE@", request.params.id)
  if not record then return 404, { error = "there is no @RESOURCE@ " .. request.params.id } end
  return 200, record
end

return tn.surface {
  title = "@TITLE@", path = "/@NAME@",
  routes = {
    tn.route { "GET", "/@PLURAL@", list },
    tn.route { "GET", "/@PLURAL@/{id}", get },
  },
}
]]

local TEST = [[
-- tests/@NAME@.test.lua: t.call finds the route and calls its function
local t       = require "std.test"
local store   = require "tenon.store"
local surface = require "surfaces.@NAME@"

local function create()
  return assert(store.transaction(function(tx) return tx:create("@RESOURCE@", @RECORD@) end))
end

test("a list has the records", function()
  local id = create()
  local answer = t.call(surface, "GET", "/@NAME@/@PLURAL@?limit=5")
  expect(answer.status):equals(200)
  expect(answer.body.total):equals(1)
  expect(answer.body.rows[1].id):equals(id)
end)

test("a record that is not there is 404", function()
  local id = create()
  expect(t.call(surface, "GET", "/@NAME@/@PLURAL@/" .. id).status):equals(200)
  expect(t.call(surface, "GET", "/@NAME@/@PLURAL@/00000000-0000-7000-8000-000000000000").status):equals(404)
end)
]]

return function(request)
  local resource = request.resource
  local words = { NAME = request.name, RESOURCE = resource.name, PLURAL = resource.plural,
                  TITLE = text.first_upper(text.words(request.name)), RECORD = request.record }
  return { files = {
    { path = "scripts/surfaces/" .. request.name .. ".lua", text = text.fill(FILE, words) },
    { path = "tests/" .. request.name .. ".test.lua", text = text.fill(TEST, words) },
  } }
end
