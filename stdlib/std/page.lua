-- std/page.lua: walks over lists that come in pages, and hands every page to the sync engine.
-- A walk goes by what the peer says and sends, never by what was asked for: servers cut pages.
local tn         = require "tenon"
local json       = require "tenon.json"
local connection = require "std.connection"
local options    = require "std.options"
local url        = require "std.url"

local page = {}

local MAX_PAGES = 1000000
local SMALLEST = 10                          -- a page that is too heavy is halved down to this many rows

local function number_at(reply, path)
  local value = path and reply:at(path)
  return math.type(value) == "integer" and value >= 0 and value or nil
end

-- Raises when a page brings the very rows of the one before: the peer takes no notice of where we are.
local function check_progress(walk, reply, rows)
  if walk.last and reply:same(walk.last, rows) then
    tn.fail("bad_answer", walk.path .. ": the same page came twice; the peer takes no notice of the position asked for")
  end
  if walk.last then walk.last:drop() end
  walk.last = reply
end

local function count_page(walk, max)
  walk.pages = walk.pages + 1
  if walk.pages > max then tn.fail("bad_answer", ("%s: more than %d pages"):format(walk.path, max)) end
end

-- The address of the link with rel "next", or false.
local function next_link(reply, path)
  local links = path and reply:at(path)
  if type(links) ~= "table" then return false end
  for _, link in ipairs(links) do
    if type(link) == "table" and link.rel == "next" and type(link.href) == "string" then return link.href end
  end
  return false
end

-- A peer that counts more rows than it gives has lost some, or stops too early.
local function check_total(walk, reply, seen, o)
  local total = number_at(reply, o.total)
  if total and total > seen then
    tn.fail("bad_answer", ("%s: the peer says that there are %d rows (%s), but after %d its page is empty"):format(
      walk.path, total, o.total, seen))
  end
end

-- Is there more after this page?  The peer's word counts; without one a next link, of a peer that has
-- sent such; else its total; else the size that it says its pages have; a page of unknown size is followed until an
-- empty one comes.
local function more(walk, reply, count, o)
  local said = reply:at(o.more)
  if count == 0 then
    if said == true then
      tn.fail("bad_answer", ("%s: the peer says that there is more (%s), but its page is empty"):format(walk.path,
        o.more))
    end
    if type(said) ~= "boolean" then check_total(walk, reply, walk.offset, o) end
    return false
  end
  if type(said) == "boolean" then return said end
  local link = next_link(reply, o.links)
  if link then walk.linked = true end
  if link or walk.linked then return link ~= false end
  local total = number_at(reply, o.total)
  if total then return walk.offset + count < total end
  local size = number_at(reply, o.size)
  return not (size and count < size)
end

-- Asks for a page: the parameters go into the query, or into the body where the list is asked for with POST.
local function ask(conn, path, query, params, o)
  local asked = {}
  for name, value in pairs(o.post or query or {}) do asked[name] = value end
  for name, value in pairs(params) do asked[name] = value end
  if not o.post then return conn:get(path, asked, o.options) end
  local how = { query = query, safe = true }
  for name, value in pairs(o.options or {}) do how[name] = value end
  return conn:post(path, asked, how)
end

local TOO_HEAVY = { timeout = true, too_large = true }

-- One page; a peer that cannot bring it in time is asked for half as many rows.
local function fetch(conn, walk, query, o)
  while true do
    local asked = {}
    if walk.pages == 1 then
      for name, value in pairs(o.first or {}) do asked[name] = value end
    end
    asked[o.limit], asked[o.offset] = walk.limit, walk.offset
    local good, reply = pcall(ask, conn, walk.path, query, asked, o)
    if good then return reply end
    if not (TOO_HEAVY[reply.kind] and walk.limit // 2 >= SMALLEST) then error(reply, 0) end
    walk.limit = walk.limit // 2
  end
end

local OFFSET = { rows = "items", limit = "limit", offset = "offset", more = "hasMore", links = "links", size = "limit",
                 total = "totalResults" }

-- What was given, and the usual where nothing was.
local function filled(given, usual)
  local o = {}
  for name, value in pairs(usual) do o[name] = value end
  for name, value in pairs(given) do o[name] = value end
  return o
end

local checked_offset = options.checker("page.offset", {
  rows = { "string" }, limit = { "string" }, offset = { "string" }, more = { "string" }, links = { "string" },
  size = { "string" }, total = { "string" }, size_asked = { "integer", min = 1 }, first = { "table" },
  post = { "table" }, max_pages = { "integer", min = 1 }, options = { "table", takes = connection.OPTIONS },
})

-- Pages by limit and offset.  options (all have a default): rows, more, links, size and total are paths in
-- the answer; limit and offset are names of parameters; size_asked rows a page; first: parameters of the
-- first request alone; post: the list is asked for with POST, and this table is its body, to which limit and offset
-- are added; max_pages; options for get or post.
function page.offset(conn, path, query, given)
  local o = filled(checked_offset(given), OFFSET)
  local resume = conn.resume or {}
  local walk = { path = path, pages = 0, offset = resume.offset or 0,
                 limit = resume.limit or o.size_asked or conn.config.batchSize or 100 }
  repeat
    count_page(walk, o.max_pages or MAX_PAGES)
    local reply = fetch(conn, walk, query, o)
    if reply.status == 204 then break end
    local count = reply:count(o.rows)
    local goes_on = more(walk, reply, count, o)
    if count > 0 then
      check_progress(walk, reply, o.rows)
      walk.offset = walk.offset + count
      conn:emit(reply, o.rows, { offset = walk.offset, limit = walk.limit }, number_at(reply, o.total))
    end
  until not goes_on
  return walk.offset
end

local LINKS = { rows = "value", next = "@odata.nextLink" }

local checked_links = options.checker("page.links", {
  rows = { "string" }, next = { "string", "function" }, total = { "string" }, max_pages = { "integer", min = 1 },
  options = { "table", takes = connection.OPTIONS },
})

-- What the answer says of the next page.
local function next_of(reply, o)
  if type(o.next) == "function" then return o.next(reply) end
  return reply:at(o.next)
end

-- Positions that lead in a circle are found by comparing each with the one before (here) and with a mark, which moves
-- on whenever the pages have doubled.
local function check_circle(walk, position, here, what)
  if position == here or position == walk.mark then
    tn.fail("bad_answer", ("%s: the %s the next pages lead in a circle"):format(walk.path, what))
  end
  if walk.pages == walk.mark_at then walk.mark, walk.mark_at = position, walk.mark_at * 2 end
  return position
end

-- The whole address of the next page, or nil.
local function next_address(walk, reply, from, o)
  local link = next_of(reply, o)
  if type(link) ~= "string" or link == "" then
    if type(link) == "number" or type(link) == "table" then
      tn.fail("bad_answer", ("%s: the link to the next page is a %s, not a text"):format(walk.path, type(link)))
    end
    return nil
  end
  return check_circle(walk, url.resolve(from, link), nil, "links to")
end

-- Pages by the address of the next one, which the answer carries.  options: rows, next (a path in the
-- answer, or a function of the reply), total, max_pages, options for get.
function page.links(conn, path, query, given)
  local o = filled(checked_links(given), LINKS)
  local walk, seen = { path = path, pages = 0, mark_at = 1 }, 0
  local address = conn.resume and conn.resume.next
  repeat
    count_page(walk, o.max_pages or MAX_PAGES)
    local reply, from = connection.get(conn, address or path, not address and query or nil, o.options)
    if reply.status == 204 then break end
    local following = next_address(walk, reply, from, o)
    if following and following == address then
      tn.fail("bad_answer", path .. ": the next page's address is that of this page")
    end
    local count = reply:count(o.rows)
    if count > 0 then
      check_progress(walk, reply, o.rows)
      seen = seen + count
      conn:emit(reply, o.rows, following and { next = following } or nil, number_at(reply, o.total))
    end
    address = following
  until not address
  return seen
end

-- The address with this relation in the answer's Link header (RFC 8288), or nil; for next of page.links.
function page.link_header(reply, rel)
  rel = (rel or "next"):lower()
  for address, params in (reply:header("Link") or ""):gmatch("<([^>]*)>([^<]*)") do
    local relations = params:match('[Rr][Ee][Ll]%s*=%s*"([^"]*)"') or params:match("[Rr][Ee][Ll]%s*=%s*([^%s;,]+)")
    for word in (relations or ""):gmatch("%S+") do
      if word:lower() == rel then return address end
    end
  end
  return nil
end

local NUMBERS = { rows = "items", page = "page", size = "pageSize", total = "total", pages = "totalPages",
                  more = "hasMore" }

local checked_numbers = options.checker("page.numbers", {
  rows = { "string" }, page = { "string" }, size = { "string" }, first = { "integer", min = 0 },
  size_asked = { "integer", min = 1 }, total = { "string" }, pages = { "string" }, more = { "string" },
  post = { "table" }, max_pages = { "integer", min = 1 }, options = { "table", takes = connection.OPTIONS },
})

-- Is there a page after number `at`, when so many rows have come?  By the flag, else the number of pages, else the
-- number of rows; a peer that says none of these is asked until a page is empty.
local function more_numbers(walk, reply, count, at, o)
  local said, last = reply:at(o.more), number_at(reply, o.pages)
  if count > 0 then
    if type(said) == "boolean" then return said end
    if last then return at - o.first + 1 < last end
    local total = number_at(reply, o.total)
    return not total or walk.seen < total
  end
  if said == true or type(said) ~= "boolean" and last and at - o.first + 1 < last then
    tn.fail("bad_answer", ("%s: the peer says that there is more (%s), but page %d is empty"):format(walk.path,
      said == true and o.more or o.pages, at))
  end
  if type(said) ~= "boolean" and not last then check_total(walk, reply, walk.seen, o) end
  return false
end

-- Pages by their number.  options (all have a default): rows, total, pages and more are paths in the answer; page
-- and size are names of parameters; first: the number of the first page; size_asked rows a page; post as for
-- page.offset; max_pages; options.
function page.numbers(conn, path, query, given)
  local o = filled(checked_numbers(given), NUMBERS)
  o.first = o.first or 1
  local resume = conn.resume or {}
  local size = resume.size or o.size_asked or conn.config.batchSize or 100
  local walk, at = { path = path, pages = 0, seen = resume.seen or 0 }, resume.page or o.first
  repeat
    count_page(walk, o.max_pages or MAX_PAGES)
    local reply = ask(conn, path, query, { [o.page] = at, [o.size] = size }, o)
    if reply.status == 204 then break end
    local count = reply:count(o.rows)
    walk.seen = walk.seen + count
    local goes_on = more_numbers(walk, reply, count, at, o)
    at = at + 1
    if count > 0 then
      check_progress(walk, reply, o.rows)
      conn:emit(reply, o.rows, { page = at, size = size, seen = walk.seen }, number_at(reply, o.total))
    end
  until not goes_on
  return walk.seen
end

local TOKENS = { rows = "items", token = "pageToken", next = "nextPageToken" }

local checked_tokens = options.checker("page.tokens", {
  rows = { "string" }, token = { "string" }, next = { "string", "function" }, total = { "string" },
  post = { "table" }, max_pages = { "integer", min = 1 }, options = { "table", takes = connection.OPTIONS },
})

-- The token of the next page, or nil.
local function next_token(walk, reply, o)
  local token = next_of(reply, o)
  if token == nil or token == "" or token == false or token == json.null then return nil end
  if type(token) ~= "string" and math.type(token) ~= "integer" then
    tn.fail("bad_answer", ("%s: the token of the next page is a %s, not a text"):format(walk.path, type(token)))
  end
  return check_circle(walk, token, walk.token, "tokens of")
end

-- Pages by a token that each answer carries for the next.  options (all have a default): rows, next (a path in the
-- answer, or a function of the reply) and total; token: the parameter that takes it; post as for page.offset;
-- max_pages; options.
function page.tokens(conn, path, query, given)
  local o = filled(checked_tokens(given), TOKENS)
  local walk, seen = { path = path, pages = 0, mark_at = 1, token = conn.resume and conn.resume.token }, 0
  repeat
    count_page(walk, o.max_pages or MAX_PAGES)
    local reply = ask(conn, path, query, { [o.token] = walk.token }, o)
    if reply.status == 204 then break end
    local following = next_token(walk, reply, o)
    local count = reply:count(o.rows)
    if count > 0 then
      check_progress(walk, reply, o.rows)
      seen = seen + count
      conn:emit(reply, o.rows, following and { token = following } or nil, number_at(reply, o.total))
    end
    walk.token = following
  until not following
  return seen
end

return page
