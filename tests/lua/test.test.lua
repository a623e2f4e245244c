-- std.test itself.
local t    = require "std.test"
local time = require "tenon.time"
local tn   = require "tenon"
local http = require "tenon.http"

test("the clock stands still, and sleeps move it on", function()
  t.clock(1700000000000)
  expect(tn.now()):equals(1700000000000)
  time.sleep(30)
  expect(time.now()):equals(1700000030000)
  expect(time.iso()):equals("2023-11-14T22:13:50.000Z")
end)

test("each test begins with the real time and without replies", function()
  expect(time.now() > 1700000030000):equals(true)
  expect(function() http.request { url = "https://nowhere.example/" } end):fails_with("script", "no reply is recorded")
end)

test("expectations hold or say what they found", function()
  expect({ a = { 1, 2 } }):equals({ a = { 1, 2 } })
  expect(function() expect({ 1 }):equals({ 2 }) end):fails_with("script", "expected %[2%], got %[1%]")
  expect(function() expect("abc"):matches("x") end):fails_with("script", "expected a text")
  expect(function() expect(function() return 1 end):fails_with("auth") end):fails_with("script", "it went well")
  expect(function() tn.fail("auth", "no") end):fails_with("auth", "no")
end)

test("replies are found by address, by path, and one after the other", function()
  t.replies { ["GET https://a.example/x?q=1"] = { status = 201, body = "one", headers = { ["X-Y"] = "z" } },
              ["GET https://a.example/x"] = { { body = "two" }, { status = 404, body = { why = "gone" } } } }
  local first = http.request { url = "https://a.example/x", query = { q = 1 } }
  expect(first.status):equals(201)
  expect(first:header "x-y"):equals("z")
  expect(http.request { url = "https://a.example/x" }:text()):equals("two")
  expect(http.request { url = "https://a.example/x" }:at "why"):equals("gone")
  expect(#t.sent()):equals(3)
end)
