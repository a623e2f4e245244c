-- Records, transactions and events of a test's own, empty store.
local store = require "tenon.store"
local event = require "tenon.event"
local kv    = require "tenon.kv"

test("what a transaction writes is there, with its event", function()
  local id = assert(store.transaction(function(tx) return tx:create("item", { partNumber = "A", organizationCode = "M1" }) end))
  expect(store.find("item", { partNumber = "A", organizationCode = "M2" })):equals(nil)
  expect(store.find("item", { partNumber = "A", organizationCode = "M1" }).id):equals(id)
  expect(store.get("item", id).partNumber):equals("A")
  expect(event.after(0).events[1].type):equals("item.created")
  assert(kv.put("seen", "yes"))
end)

test("each test begins with nothing", function()
  expect(#store.query("item").rows):equals(0)
  expect(#event.after(0).events):equals(0)
  expect(kv.get("seen")):equals(nil)
end)

test("what breaks a rule of the resource is refused", function()
  expect(function()
    store.transaction(function(tx) tx:create("item", { colour = "red" }) end)
  end):fails_with("invalid", "colour")
end)
