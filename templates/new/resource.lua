-- new/resource.lua: a resource and its test.
local text = require "new.text"

local FILE = [[
-- scripts/resources/@NAME@.lua: a kind of record of our own.  It has routes at @PATH@ once it is loaded.
local tn = require "tenon"

return tn.resource {
  title  = "@TITLE@", path = "@PATH@", plural = "@PLURAL@",
  -- together these are unique; a sync and tx:find know a record by them
  key    = { "number" },
  fields = {
    tn.text "number" { required = true, min = 1, max = 100 },
    tn.text "name" { max = 300 },
    tn.state "status" { "open", open = { "done", "cancelled" } },   -- the first state, then what may follow
    tn.decimal "quantity" { min = 0 },
    tn.time "dueAt" { null = true },
  },
  list   = { filter = { "number", "status" }, sort = { "number", "dueAt" }, page = { 50, max = 500 } },
}
]]

local TEST = [[
-- tests/@NAME@.test.lua: each test begins with an empty store
local store = require "tenon.store"

local function create(record)
  return store.transaction(function(tx) return tx:create("@NAME@", record) end)
end

test("a @WORDS@ is stored and found by its key", function()
  assert(create { number = "1", name = "first" })
  local found = store.find("@NAME@", { number = "1" })
  expect(found.name):equals("first")
  expect(found.status):equals("open")
end)

test("a number is there once", function()
  assert(create { number = "1" })
  local made, err = create { number = "1" }
  expect(made):equals(nil)
  expect(err.kind):equals("key_taken")
end)

test("what the resource does not allow is refused", function()
  expect(function() create { name = "no number" } end):fails_with("invalid", "number: it is required")
end)
]]

return function(request)
  local name = request.name
  local plural = name:find("s$") and name .. "_list" or name .. "s"
  if name:find("[^aeiou]y$") then plural = name:gsub("y$", "ies") end
  local words = { NAME = name, PLURAL = plural, PATH = "/api/v1/" .. plural:gsub("_", "-"), WORDS = text.words(name),
                  TITLE = text.first_upper(text.words(plural)) }
  return { files = {
    { path = "scripts/resources/" .. name .. ".lua", text = text.fill(FILE, words) },
    { path = "tests/" .. name .. ".test.lua", text = text.fill(TEST, words) },
  } }
end
