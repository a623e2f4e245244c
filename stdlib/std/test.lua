-- std/test.lua: what a test file sees: test, expect, and helpers.  tenon test runs the files.
local env  = require "tenon.test"
local json = require "tenon.json"

local M = {}
local tests, sent = {}, {}

local function show(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local good, text = pcall(json.encode, value)
  return good and text or tostring(value)
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then
    return type(a) ~= "string" and type(b) ~= "string" and type(a) == "userdata" and tostring(a) == tostring(b)
  end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- ---- expectations ----

local checks = {}
checks.__index = checks

function checks:equals(wanted)
  if not same(self.value, wanted) then error(("expected %s, got %s"):format(show(wanted), show(self.value)), 2) end
  return self
end

function checks:matches(pattern)
  if type(self.value) ~= "string" or not self.value:find(pattern) then
    error(("expected a text that matches %s, got %s"):format(show(pattern), show(self.value)), 2)
  end
  return self
end

-- The value is a function; it has to raise an err of this kind (whose message has this pattern in it).
function checks:fails_with(kind, pattern)
  local good, err = pcall(self.value)
  if good then error(("expected a failure of kind %s, and it went well"):format(kind), 2) end
  local found = type(err) == "string" and "script" or err.kind
  local message = type(err) == "string" and err or err.message
  if found ~= kind then error(("expected a failure of kind %s, got %s: %s"):format(kind, found, message), 2) end
  if pattern and not message:find(pattern) then
    error(("expected a message that matches %s, got %s"):format(show(pattern), show(message)), 2)
  end
  return self
end

function M.expect(value)
  return setmetatable({ value = value }, checks)
end

-- ---- replies that were recorded ----

local function reply_of(answer)
  if type(answer.body) ~= "table" then return answer end
  local headers = { ["Content-Type"] = "application/json" }
  for name, value in pairs(answer.headers or {}) do headers[name] = value end
  return { status = answer.status, headers = headers, body = json.encode(answer.body) }
end

-- The answer to a request: by "GET https://host/path?query", by the same without query, or a list of
-- such answers, one after the other.
local function find(recorded, method, url)
  local found = recorded[method .. " " .. url] or recorded[method .. " " .. url:gsub("%?.*$", "")]
  if type(found) == "function" then return found end
  if found and found[1] then return table.remove(found, 1) end
  return found
end

-- From now on requests are answered from this table; what it lacks fails the request's call.
function M.replies(recorded)
  env.answer(function(request, url)
    local method = request.method or "GET"
    sent[#sent + 1] = { method = method, url = url, headers = request.headers or {}, body = request.body,
                        credentials = request.credentials or {} }
    local found = find(recorded, method, url)
    if not found then error("no reply is recorded for " .. method .. " " .. url, 0) end
    return reply_of(type(found) == "function" and found(request, url) or found)
  end)
end

-- Every request so far: method, url, headers, body, credentials (names of the headers that sign it).
function M.sent() return sent end

-- ---- adapters ----

-- Runs an operation of an adapter against the recorded replies: the pages that it gave to the engine,
-- each with rows, cursor and total.
function M.run(adapter, operation, config, filters, resume)
  local connection = require "std.connection"
  local pages = {}
  local source = {}
  function source.emit(_, reply, rows, cursor, total)
    local list = rows == "" and reply:json() or reply:at(rows)
    if #list > 0 then pages[#pages + 1] = { rows = list, cursor = cursor, total = total } end
    return #list
  end
  connection.run(adapter, config, adapter.operations[operation].run, filters or {}, source, resume)
  return pages
end

-- The `conn` that an adapter's functions would get.
function M.connect(adapter, config)
  return require("std.connection").new(adapter, config)
end

M.clock = env.clock
M.map = env.map

-- ---- the list ----

function M.test(name, fn)
  tests[#tests + 1] = { name = name, fn = fn }
end

-- For tenon test: the names, and what runs the test of a number.
function M.all()
  local names = {}
  for i, one in ipairs(tests) do names[i] = one.name end
  return { names = names, run = function(i)
    env.reset()
    sent = {}
    tests[i].fn()
  end }
end

return M
