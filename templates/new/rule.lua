-- new/rule.lua: a rule and its test.
local text = require "new.text"

local FILE = [[
-- scripts/rules/@NAME@.lua: what happens when a record is changed
local tn    = require "tenon"
local store = require "tenon.store"
local log   = require "tenon.log"

return tn.rule {
  on   = "@EVENT@",                   -- a text or a list; '*' stands for any characters
  -- when = { ["record.resource"] = { "@RESOURCE@" } },   -- all hold: a path in the event, a value or a list of values
  -- retry = { "10s", "5m" },                -- pauses before the next try of a run that raised
  run  = function(event)
    local record = store.get("@RESOURCE@", event.record.id)
    if not record then return end                    -- it was removed since
    log.info("%s %s", event.type, record.id)
    -- An event of your own; deliveries and other rules hear of it.  A rule runs at least once: let it have the same
    -- effect when it runs twice.
    assert(store.transaction(function(tx)
      tx:event("@RULE_EVENT@", { id = record.id }, { record = { "@RESOURCE@", record.id } })
    end))
  end,
}
]]

local TEST = [[
-- tests/@NAME@.test.lua: t.fire calls the rule with the last event that it waits for
local t     = require "std.test"
local event = require "tenon.event"
local store = require "tenon.store"
local rule  = require "rules.@NAME@"

test("a change is told", function()
  local id = assert(store.transaction(function(tx) return tx:create("@RESOURCE@", @RECORD@) end))
  t.fire(rule, { type = "@RESOURCE@.created", record = { resource = "@RESOURCE@", id = id, version = 1 } })
  local told = event.after(0, { types = { "@RULE_EVENT@" } }).events
  expect(#told):equals(1)
  expect(told[1].data.id):equals(id)
end)
]]

return function(request)
  local resource = request.resource
  local words = { NAME = request.name, RESOURCE = resource.name, EVENT = resource.name .. ".*",
                  RULE_EVENT = request.name:gsub("[^%w_]", "_") .. ".told", RECORD = request.record }
  return { files = {
    { path = "scripts/rules/" .. request.name .. ".lua", text = text.fill(FILE, words) },
    { path = "tests/" .. request.name .. ".test.lua", text = text.fill(TEST, words) },
  } }
end
