-- std/test.lua: what a test file sees: test, expect, and helpers.  tenon test runs the files.
local tn      = require "tenon"
local env     = require "tenon.test"
local json    = require "tenon.json"
local time    = require "tenon.time"
local options = require "std.options"

local M = {}
local tests, sent = {}, {}

local function show(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local good, text = pcall(json.encode, value)
  return good and text or tostring(value)
end

local DEPTH_MAX = 150

-- Is this pair of tables being compared already, further up or beside?  Then it is the same unless something else
-- differs.
local function met(a, b, seen)
  seen[a] = seen[a] or {}
  if seen[a][b] then return true end
  seen[a][b] = true
  return false
end

-- nil: they are nested too deep to tell.
local function same(a, b, seen, depth)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then
    return type(a) ~= "string" and type(b) ~= "string" and type(a) == "userdata" and tostring(a) == tostring(b)
  end
  if met(a, b, seen) then return true end
  if depth == 0 then return nil end
  for key, value in pairs(a) do
    local equal = same(value, b[key], seen, depth - 1)
    if not equal then return equal end
  end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- ---- expectations ----

local checks = {}
checks.__index = checks

function checks:equals(wanted)
  local equal = same(self.value, wanted, {}, DEPTH_MAX)
  if equal == nil then
    error(("these tables are nested more than %d deep: compare parts of them"):format(DEPTH_MAX), 2)
  end
  if not equal then error(("expected %s, got %s"):format(show(wanted), show(self.value)), 2) end
  return self
end

function checks:matches(pattern)
  if type(self.value) ~= "string" or not self.value:find(pattern) then
    error(("expected a text that matches %s, got %s"):format(show(pattern), show(self.value)), 2)
  end
  return self
end

-- Kind and message of what was raised: an err, or whatever a script gave to error().
local function said(err)
  local good, kind = pcall(function() return err.kind end)
  if good and type(kind) == "string" then return kind, tostring(err.message) end
  return "script", tostring(err)
end

-- The value is a function; it has to raise an err of this kind (whose message has this pattern in it).
function checks:fails_with(kind, pattern)
  local good, err = pcall(self.value)
  if good then error(("expected a failure of kind %s, and it went well"):format(kind), 2) end
  local found, message = said(err)
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

local checked_reply = options.checker("t.replies", {
  status = { "integer", min = 100 }, headers = { "table" }, body = { "string", "table" },
})

local function reply_of(answer)
  checked_reply(answer)
  if type(answer.body) ~= "table" then return answer end
  local headers = { ["Content-Type"] = "application/json" }
  for name, value in pairs(answer.headers or {}) do headers[name] = value end
  return { status = answer.status, headers = headers, body = json.encode(answer.body) }
end

-- The answer to a request: by "GET https://host/path?query", by the same without query, or a list of
-- such answers, one after the other: used has the number of those that were given, by list.
local function find(recorded, used, method, url)
  local found = recorded[method .. " " .. url] or recorded[method .. " " .. url:gsub("%?.*$", "")]
  if type(found) ~= "table" or found[1] == nil then return found end
  used[found] = (used[found] or 0) + 1
  if found[used[found]] then return found[used[found]] end
  error(("all %d replies that are recorded for %s %s are used up"):format(#found, method, url), 0)
end

-- From now on requests are answered from this table; what it lacks fails the request's call.
function M.replies(recorded)
  local used = {}
  env.answer(function(request, url)
    local method = request.method or "GET"
    sent[#sent + 1] = { method = method, url = url, headers = request.headers or {}, body = request.body,
                        credentials = request.credentials or {} }
    local found = find(recorded, used, method, url)
    if type(found) == "function" then found = found(request, url) end
    if not found then error("no reply is recorded for " .. method .. " " .. url, 0) end
    return reply_of(found)
  end)
end

-- Every request so far: method, url, headers, body, credentials (names of the headers that sign it).
function M.sent() return sent end

-- ---- adapters ----

-- A list of records that the adapter built, read back from what they are written as.
local function built(list)
  if #list == 0 and next(list) ~= nil then error("emit: a list of records is expected, not one record", 0) end
  local rows = json.array()
  for i, record in ipairs(list) do
    local text = json.encode(record)
    if text:sub(1, 1) ~= "{" then error(("emit: record %d is no table of members"):format(i), 0) end
    rows[i] = json.decode(text)
  end
  return rows
end

-- Records, those that cannot be read, and the err of an answer that breaks off.
local function records_of(what, rows)
  if type(what) == "table" then return built(what) end
  return env.rows(what, rows)
end

local function operation_of(adapter, name)
  local operations = adapter.operations or {}
  if operations[name] and operations[name].run then return operations[name] end
  if operations[name] then error(("the operation '%s' has no run function"):format(name), 3) end
  local names = {}
  for known in pairs(operations) do names[#names + 1] = known end
  error(("the adapter has no operation '%s'%s"):format(name, tn.did_you_mean(name, names)), 3)
end

-- Runs an operation of an adapter against the recorded replies: the pages that it gave to the engine, one for
-- each emit that brought records, with rows (as a mapping sees them), cursor, total and bad: what could not be
-- read, each with line and message; nil when all could.
function M.run(adapter, operation, config, filters, resume)
  local connection = require "std.connection"
  local run = operation_of(adapter, operation).run
  local pages = {}
  local source = {}
  function source.emit(_, what, rows, cursor, total)
    local list, bad, broken = records_of(what, rows)
    local count = #list + #(bad or {})
    if count > 0 then
      pages[#pages + 1] = { rows = list, cursor = cursor, total = total, bad = bad and #bad > 0 and bad or nil }
    end
    if broken then tn.fail("bad_answer", "the answer cannot be read: " .. broken.message) end
    return count
  end
  connection.run(adapter, env.config(adapter, config or {}), run, filters or {}, source, resume)
  return pages
end

-- The `conn` that an adapter's functions would get.  Here and in run the config is checked as the API does it, and
-- defaults are filled in.
function M.connect(adapter, config)
  return require("std.connection").new(adapter, env.config(adapter, config or {}))
end

-- ---- rules and surfaces ----

local checked_event = options.checker("t.fire", {
  type = { "string", required = true }, seq = { "integer" }, number = { "integer" }, at = { "string" },
  record = { "table" }, data = { "table" },
})

-- Runs a rule with an event, whatever its `on` and `when` say.
function M.fire(rule, event)
  checked_event(event)
  local given = { seq = 1, number = 1, at = time.iso() }
  for name, value in pairs(event) do given[name] = value end
  return rule.run(given)
end

local function unescaped(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The values of a route's {names} in a path; nil when it is another path.
local function match(pattern, path)
  local params, names = {}, {}
  local lua = pattern:gsub("[%-%.%+%*%?%^%$%(%)%%%[%]]", "%%%0"):gsub("{([^}]*)}", function(name)
    names[#names + 1] = name
    return "([^/]+)"
  end)
  local found = table.pack(path:match("^" .. lua .. "$"))
  if not found[1] then return nil end
  for i, name in ipairs(names) do params[name] = unescaped(found[i]) end
  return params
end

local function query_of(text)
  local query = {}
  for pair in text:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = unescaped(name)
    if query[name] == nil then query[name] = unescaped(value) end
  end
  return query
end

local checked_request = options.checker("t.call", { headers = { "table" }, body = { "string", "table" } })

local function route_of(surface, method, path)
  local best, params
  for _, route in ipairs(surface.routes) do
    local found = route[1] == method and match((surface.path or "") .. route[2], path)
    if found and (not best or next(found) == nil) then best, params = route, found end
  end
  return best, params
end

-- Calls the function of a surface's route: status, headers and body as the caller would get them, body decoded if it
-- is JSON.  Keys and permissions are not looked at.
function M.call(surface, method, url, given)
  local o = checked_request(given)
  local path, query = url:match("^([^?]*)%??(.*)$")
  local route, params = route_of(surface, method, path)
  if not route then error(("the surface has no route %s %s"):format(method, path), 2) end
  local headers = {}
  for name, value in pairs(o.headers or {}) do headers[name:lower()] = tostring(value) end
  local body = o.body or ""
  if type(body) == "table" then body = json.encode(body) end
  local request = { method = method, path = path, params = params, query = query_of(query), headers = headers,
                    body = body,
                    json = function(self) return json.decode(self.body) end }
  local status, answer, more = route[3](request)
  if answer == nil and more ~= nil and type(more) ~= "table" then error(more, 0) end
  if type(status) ~= "number" then error("a handler answers status, body, headers: the status is a number", 2) end
  if type(answer) == "table" then answer = json.decode(json.encode(answer)) end
  return { status = status, body = answer, headers = more or {} }
end

M.clock = env.clock
M.map = env.map

-- ---- the list ----

function M.test(name, fn)
  if type(name) ~= "string" then error("a test has a name: test(\"what holds\", function() ... end)", 2) end
  if type(fn) ~= "function" then error(("the test %q has no function"):format(name), 2) end
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
