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

-- ---- page numbers, tokens, POST, Link headers ----

local function numbered(list, more) return { status = 200, body = { items = json.array(list), totalPages = more } } end

test("numbers: the peer's number of pages ends the walk, and a walk can be gone on with", function()
  local pages = walk("numbers", { numbered({ 1, 2 }, 2), numbered({ 3 }, 2) })
  expect(#pages):equals(2)
  expect(t.sent()[1].url):matches("page=1")
  expect(t.sent()[2].url):matches("page=2")
  expect(pages[1].cursor.page):equals(2)
  walk("numbers", { numbered({ 3 }, 2) }, nil, { page = 2, size = 2, seen = 2 })
  expect(t.sent()[3].url):matches("page=2")
end)

test("numbers: an empty page although the peer says that there is more fails", function()
  expect(function() walk("numbers", { numbered({ 1 }, 3), numbered({}, 3) }) end)
    :fails_with("bad_answer", "there is more %(totalPages%), but page 2 is empty")
  local function total(list) return { status = 200, body = { items = json.array(list), total = 5 } } end
  expect(function() walk("numbers", { total { 1, 2 }, total {} }) end)
    :fails_with("bad_answer", "there are 5 rows %(total%), but after 2 its page is empty")
end)

test("offset: the peer's total ends the walk, and a total that is not reached fails", function()
  local function total(list) return { status = 200, body = { items = json.array(list), totalResults = 3 } } end
  expect(#walk("offset", { total { 1, 2 }, total { 3 } })):equals(2)
  expect(function() walk("offset", { total { 1, 2 }, total {} }) end)
    :fails_with("bad_answer", "there are 3 rows %(totalResults%), but after 2 its page is empty")
end)

test("tokens: each answer brings the token of the next; a token that comes again fails", function()
  local function with(list, token)
    return { status = 200, body = { items = json.array(list), nextPageToken = token } }
  end
  local pages = walk("tokens", { with({ 1 }, "b"), with({}, "c"), with({ 2 }, "") })
  expect(#pages):equals(2)
  expect(t.sent()[3].url):matches("pageToken=c")
  expect(pages[1].cursor.token):equals("b")
  expect(function() walk("tokens", { with({ 1 }, "b"), with({ 2 }, "b") }) end)
    :fails_with("bad_answer", "lead in a circle")
  expect(function() walk("tokens", { with({ 1 }, { "b" }) }) end):fails_with("bad_answer", "is a table")
end)

test("post: the position goes into the body", function()
  local pages = {}
  local source = {}
  function source.emit(_, reply, rows) pages[#pages + 1] = reply:at(rows) return 1 end
  t.replies { ["POST https://api.example/search"] = {
    { status = 200, body = { items = json.array { 1 }, nextPageToken = "b" } },
    { status = 200, body = { items = json.array { 2 } } } } }
  local conn = require("std.connection").new({ base = "base" }, { base = "https://api.example", retryAttempts = 0 },
    source)
  page.tokens(conn, "/search", nil, { post = { filter = "x" } })
  expect(#pages):equals(2)
  expect(json.decode(t.sent()[2].body).pageToken):equals("b")
  expect(json.decode(t.sent()[2].body).filter):equals("x")
end)

test("links: a Link header leads on", function()
  local function linked(list, header) return { status = 200, headers = { Link = header }, body = json.array(list) } end
  local pages = walk("links", function(_, url)
    if url:find("at=2", 1, true) then return linked({ 3 }, '</list>; rel="first"') end
    return linked({ 1, 2 }, '</list?at=9>; rel="last", </list?at=2>; title="x"; rel="next"')
  end, { rows = "", next = page.link_header })
  expect(#pages):equals(2)
end)
