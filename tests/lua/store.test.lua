-- Records, transactions and events of a test's own, empty store.
local t     = require "std.test"
local time  = require "tenon.time"
local store = require "tenon.store"
local event = require "tenon.event"
local kv    = require "tenon.kv"

test("what a transaction writes is there, with its event", function()
  local id = assert(store.transaction(function(tx)
    return tx:create("item", { partNumber = "A", organizationCode = "M1" })
  end))
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

test("what is stored goes by the clock of the test", function()
  t.clock(1700000000000)
  local id = assert(store.transaction(function(tx)
    local id = tx:create("item", { partNumber = "A", organizationCode = "M1" })
    expect(tx:get("item", id).createdAt):equals("2023-11-14T22:13:20.000Z")
    return id
  end))
  expect(store.get("item", id).createdAt):equals("2023-11-14T22:13:20.000Z")
  expect(event.after(0).events[1].at):equals("2023-11-14T22:13:20.000Z")
end)

test("key-values live as long as the clock of the test says", function()
  t.clock(0)
  assert(kv.put("token", "x", 60))
  assert(kv.put("count", "1", 60))
  assert(kv.put("endless", "y"))
  time.sleep(59)
  expect(kv.get("token")):equals("x")
  expect(kv.incr("count")):equals(2)
  time.sleep(2)
  expect(kv.get("token")):equals(nil)
  expect(kv.get("endless")):equals("y")
end)

test("what breaks a rule of the resource is refused", function()
  expect(function()
    store.transaction(function(tx) tx:create("item", { colour = "red" }) end)
  end):fails_with("invalid", "colour")
end)
