-- std/page.lua: walks over lists that come in pages, and hands every page to the sync engine.
-- A walk goes by what the peer says and sends, never by what was asked for: servers cut pages.
local tn         = require "tenon"
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

-- Is there more after this page?  The peer's word counts; without one a next link, of a peer that has
-- sent such; else the size that it says its pages have; a page of unknown size is followed until an
-- empty one comes.
local function more(walk, reply, count, o)
  local said = reply:at(o.more)
  if count == 0 then
    if said == true then
      tn.fail("bad_answer", ("%s: the peer says that there is more (%s), but its page is empty"):format(walk.path,
        o.more))
    end
    return false
  end
  if type(said) == "boolean" then return said end
  local link = next_link(reply, o.links)
  if link then walk.linked = true end
  if link or walk.linked then return link ~= false end
  local size = number_at(reply, o.size)
  return not (size and count < size)
end

local TOO_HEAVY = { timeout = true, too_large = true }

-- One page; a peer that cannot bring it in time is asked for half as many rows.
local function fetch(conn, walk, query, o)
  while true do
    local asked = {}
    for name, value in pairs(query) do asked[name] = value end
    if walk.pages == 1 then
      for name, value in pairs(o.first or {}) do asked[name] = value end
    end
    asked[o.limit], asked[o.offset] = walk.limit, walk.offset
    local good, reply = pcall(conn.get, conn, walk.path, asked, o.options)
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
  max_pages = { "integer", min = 1 }, options = { "table", takes = connection.OPTIONS },
})

-- Pages by limit and offset.  options (all have a default): rows, more, links, size and total are paths in
-- the answer; limit and offset are names of parameters; size_asked rows a page; first: parameters of the
-- first request alone; max_pages; options for get.
function page.offset(conn, path, query, given)
  local o = filled(checked_offset(given), OFFSET)
  local resume = conn.resume or {}
  local walk = { path = path, pages = 0, offset = resume.offset or 0,
                 limit = resume.limit or o.size_asked or conn.config.batchSize or 100 }
  repeat
    count_page(walk, o.max_pages or MAX_PAGES)
    local reply = fetch(conn, walk, query or {}, o)
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

-- The whole address of the next page, or nil.  Addresses that lead in a circle are found by comparing each with a
-- mark, which moves on whenever the pages have doubled.
local function next_address(walk, reply, from, o)
  local link
  if type(o.next) == "function" then link = o.next(reply) else link = reply:at(o.next) end
  if type(link) ~= "string" or link == "" then
    if type(link) == "number" or type(link) == "table" then
      tn.fail("bad_answer", ("%s: the link to the next page is a %s, not a text"):format(walk.path, type(link)))
    end
    return nil
  end
  local address = url.resolve(from, link)
  if address == walk.mark then
    tn.fail("bad_answer", walk.path .. ": the links to the next pages lead in a circle")
  end
  if walk.pages == walk.mark_at then walk.mark, walk.mark_at = address, walk.mark_at * 2 end
  return address
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

return page
