-- std.page: walks over recorded lists.
local t    = require "std.test"
local page = require "std.page"
local json = require "tenon.json"

local LIST = "GET https://api.example/list"

local function walk(kind, replies, options, resume)
  local pages = {}
  local source = {}
  function source.emit(_, reply, rows, cursor)
    pages[#pages + 1] = { rows = reply:at(rows), cursor = cursor }
    return #pages[#pages].rows
  end
  t.replies { [LIST] = replies }
  local conn = require("std.connection").new({ base = "base" }, { base = "https://api.example", batchSize = 2,
    retryAttempts = 0 }, source, resume)
  page[kind](conn, "/list", {}, options)
  return pages
end

local function body(list, more)
  return { status = 200, body = { items = json.array(list), hasMore = more, limit = 2 } }
end

test("offset: what the peer says counts, not what was asked for", function()
  local pages = walk("offset", { body({ 1, 2, 3 }, true), body({ 4 }, true), body({}, false) })
  expect(#pages):equals(2)
  expect(pages[1].cursor.offset):equals(3)
  expect(t.sent()[2].url):matches("offset=3")
end)

test("offset: the same page again ends the walk", function()
  expect(function() walk("offset", { body({ 1, 2 }, true), body({ 1, 2 }, true) }) end)
    :fails_with("bad_answer", "same page came twice")
end)

test("offset: an empty list is no page", function()
  expect(#walk("offset", { body({}, false) })):equals(0)
end)

test("offset: a walk can be gone on with", function()
  walk("offset", { body({ 9 }, false) }, nil, { offset = 8, limit = 2 })
  expect(t.sent()[1].url):matches("offset=8")
end)

test("links: the peer's addresses are followed, on its own host only", function()
  local function linked(list, following) return { status = 200, body = { items = list, next = following } } end
  t.replies {}
  local pages = walk("links", function(_, url)
    if url:find("at=2", 1, true) then return linked({ 3 }, nil) end
    return linked({ 1, 2 }, "https://api.example/list?at=2")
  end, { rows = "items", next = "next" })
  expect(#pages):equals(2)
  expect(function()
    walk("links", { linked({ 1 }, "https://other.example/list") }, { rows = "items", next = "next" })
  end):fails_with("egress", "another host")
end)

local function connect()
  return require("std.connection").new({ base = "base" }, { base = "https://api.example", retryAttempts = 0 })
end

test("raw and stream: a web page is no data, unless it is asked for", function()
  local web = { status = 200, headers = { ["Content-Type"] = "text/html; charset=utf-8" }, body = "<h1>Sign in</h1>" }
  t.replies { [LIST] = { web, web, web } }
  local conn = connect()
  expect(function() conn:get("/list", nil, { raw = true }) end):fails_with("bad_answer", "web page")
  expect(function() conn:stream("/list") end):fails_with("bad_answer", "web page")
  expect(conn:get("/list", nil, { raw = true, accept = "text/html" }):text()):equals("<h1>Sign in</h1>")
end)

test("stream: recorded replies are streams too, and refusals are explained", function()
  t.replies { [LIST] = { { status = 200, body = "a,b\n1,2\n" }, { status = 403, body = { message = "not yours" } } } }
  local conn, rows = connect(), {}
  for _, record in conn:stream("/list"):rows { format = "csv" } do rows[#rows + 1] = record.b end
  expect(table.concat(rows, ",")):equals("2")
  expect(function() conn:stream("/list") end):fails_with("denied", "not yours")
end)
