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
