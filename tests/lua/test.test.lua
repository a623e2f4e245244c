-- std.test itself.
local t    = require "std.test"
local time = require "tenon.time"
local tn   = require "tenon"
local http = require "tenon.http"
local json = require "tenon.json"

test("the clock stands still, and sleeps move it on", function()
  t.clock(1700000000000)
  expect(tn.now()):equals(1700000000000)
  time.sleep(30)
  expect(time.now()):equals(1700000030000)
  expect(time.iso()):equals("2023-11-14T22:13:50.000Z")
end)

test("the clock may stand at the beginning of time, and before it", function()
  expect(t.clock(0)):equals(0)
  time.sleep(1)
  expect(tn.now()):equals(1000)
  expect(t.clock(-1)):equals(-1)
  expect(time.iso()):equals("1969-12-31T23:59:59.999Z")
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

test("a list of replies that is used up fails the request, and stays as the test wrote it", function()
  local recorded = { ["GET https://a.example/x"] = { { body = "one" }, { body = "two" } },
                     ["GET https://a.example/y"] = function() return nil end }
  local function get(path) return function() return http.request { url = "https://a.example" .. path } end end
  t.replies(recorded)
  expect(get "/x"():text()):equals("one")
  expect(get "/x?page=2"():text()):equals("two")
  expect(get "/x"):fails_with("script", "all 2 replies .* GET https://a.example/x are used up")
  expect(get "/y"):fails_with("script", "no reply is recorded")
  expect(#recorded["GET https://a.example/x"]):equals(2)
end)

test("tables that hold themselves are compared, and those without a bottom are given up", function()
  local function ring(last)
    local a, b = { name = "a" }, { name = last }
    a.next, b.next = b, a
    return a
  end
  expect(ring "b"):equals(ring "b")
  expect(function() expect(ring "b"):equals(ring "c") end):fails_with("script", "expected table")
  local function deep(n, bottom) return n == 0 and bottom or { deep(n - 1, bottom) } end
  expect(deep(100, 1)):equals(deep(100, 1))
  expect(function() expect(deep(100, 1)):equals(deep(100, 2)) end):fails_with("script", "expected")
  expect(function() expect(deep(190, 1)):equals(deep(190, 1)) end):fails_with("script", "more than 150 deep")
  local function endless()
    return setmetatable({}, { __pairs = function() return next, { down = endless() } end,
                              __index = function() return endless() end })
  end
  expect(function() expect(endless()):equals(endless()) end):fails_with("script")
end)

test("whatever error() was given is a failure of kind script", function()
  expect(function() error() end):fails_with("script", "nil")
  expect(function() error(42) end):fails_with("script", "42")
  expect(function() error({ code = 7 }) end):fails_with("script", "table")
  expect(function() expect(function() error() end):fails_with("auth") end)
    :fails_with("script", "expected a failure of kind auth, got script")
end)

test("a test without name or function is refused where it stands", function()
  expect(function() test("no function") end):fails_with("script", 'test.test.lua:%d+: the test "no function" has no')
  expect(function() test(function() end) end):fails_with("script", "a test has a name")
end)

-- ---- runs of adapters that speak no JSON ----

local CSV = "no;price\nA;1,50\nB;2\nC;3;4\n"
local XML = "<a><Part><no>A</no></Part><Part><no>B</no></Part></a>"

local function adapter(run)
  return tn.adapter { config = { tn.url "base" {} }, base = "base",
    operations = { sync_parts = { entity = "item", mapping = "oracle_fusion/item", run = run } } }
end

local function run(fn)
  t.replies { ["GET https://a.example/csv"] = { body = CSV, headers = { ["Content-Type"] = "text/csv" } },
              ["GET https://a.example/xml"] = { body = XML, headers = { ["Content-Type"] = "text/xml" } },
              ["GET https://a.example/json"] = { body = '{"rows":[{"n":0.10,"x":null}]}' } }
  return t.run(adapter(fn), "sync_parts", { base = "https://a.example" })
end

test("a run shows the records of an answer in any format", function()
  local format = { format = "csv", delimiter = ";", decimal_comma = "price" }
  local pages = run(function(conn)
    expect(conn:emit(conn:get("/csv", nil, { raw = true }), format, "next", 7)):equals(3)
    conn:emit(conn:stream "/csv", format)
    conn:emit(conn:get("/xml", nil, { raw = true }), { format = "xml", rows = "a.Part" })
    conn:emit('{"a":1}\n{"a":[]}\n', { format = "ndjson" })
    conn:emit("A 1\nB 2\n", { format = "fixed", columns = { "no:1-1", "q:3-3" } })
    expect(conn:emit("no\n", { format = "csv" })):equals(0)
  end)
  expect(#pages):equals(5)
  expect(pages[1].rows):equals { { no = "A", price = "1.50" }, { no = "B", price = "2" } }
  expect({ pages[1].cursor, pages[1].total, pages[1].bad[1].line }):equals { "next", 7, 4 }
  expect(pages[2].rows):equals(pages[1].rows)
  expect(pages[3].rows):equals { { no = "A" }, { no = "B" } }
  expect(pages[3].bad):equals(nil)
  expect(pages[4].rows[1].a):equals(1)
  expect(pages[5].rows):equals { { no = "A", q = "1" }, { no = "B", q = "2" } }
end)

test("a run shows records that were built, and rows of JSON, as a mapping sees them", function()
  local pages = run(function(conn)
    conn:emit({ { id = 1, at = json.null }, { id = 2 } }, nil, 5)
    conn:emit(conn:get "/json", "rows")
    expect(conn:emit({})):equals(0)
  end)
  expect(#pages):equals(2)
  expect(pages[1].rows):equals { { id = 1, at = json.null }, { id = 2 } }
  expect(pages[1].cursor):equals(5)
  expect(tostring(pages[2].rows[1].n)):equals("0.10")
  expect(pages[2].rows[1].x):equals(json.null)
end)

test("what emit refuses, a run refuses", function()
  local function fails(fn) return expect(function() run(fn) end) end
  fails(function(conn) conn:emit({ id = 1 }) end):fails_with("script", "not one record")
  fails(function(conn) conn:emit({ "a" }) end):fails_with("script", "record 1")
  fails(function(conn) conn:emit({ { f = print } }) end):fails_with("invalid")
  fails(function(conn) conn:emit("<a><b>", { format = "xml", rows = "b" }) end)
    :fails_with("bad_answer", "cannot be read")
  fails(function(conn) conn:emit("a", { format = "cvs" }) end):fails_with("script", "format")
  fails(function(conn) conn:emit(conn:get "/json", "row") end):fails_with("bad_answer")
end)

test("an unknown operation is named, with the nearest", function()
  expect(function() t.run(adapter(print), "sync_part", {}) end):fails_with("script", "did you mean 'sync_parts'")
  expect(function() t.run(adapter(print), "moons", {}) end):fails_with("script", "^[^;]*no operation 'moons'$")
end)

test("a recorded reply with a member that has no effect is refused", function()
  t.replies { ["GET https://api.example/list"] = { stats = 503, body = {} } }
  local conn = t.connect({ base = "base" }, { base = "https://api.example", retryAttempts = 0 })
  expect(function() conn:get "/list" end)
    :fails_with("script", "t%.replies: unknown option 'stats'; did you mean 'status'%?")
end)
